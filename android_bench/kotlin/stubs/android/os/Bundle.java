package android.os;

/** What this project uses of https://developer.android.com/reference/android/os/Bundle */
public final class Bundle {}
