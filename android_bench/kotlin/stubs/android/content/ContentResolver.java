package android.content;

/** What this project uses of https://developer.android.com/reference/android/content/ContentResolver */
public abstract class ContentResolver {}
