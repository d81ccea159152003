package android.graphics;

/** What this project uses of https://developer.android.com/reference/android/graphics/Rect */
public final class Rect {}
