package android.graphics;

/** What this project uses of https://developer.android.com/reference/android/graphics/Color */
public class Color {
    public static int HSVToColor(float[] hsv) {
        return 0;
    }
}
