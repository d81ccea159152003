package android.util;

/** What this project uses of https://developer.android.com/reference/android/util/DisplayMetrics */
public class DisplayMetrics {
    public float density;
}
