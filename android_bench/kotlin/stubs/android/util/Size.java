package android.util;

/** What this project uses of https://developer.android.com/reference/android/util/Size */
public final class Size {
    public int getWidth() {
        return 0;
    }

    public int getHeight() {
        return 0;
    }
}
