package android.content.res;

import android.util.DisplayMetrics;

/** What this project uses of https://developer.android.com/reference/android/content/res/Resources */
public class Resources {
    public DisplayMetrics getDisplayMetrics() {
        return null;
    }
}
