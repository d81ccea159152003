package android.net;

/** What this project uses of https://developer.android.com/reference/android/net/Uri */
public abstract class Uri {}
