package android.graphics;

/** What this project uses of https://developer.android.com/reference/android/graphics/Paint */
public class Paint {
    public static final int ANTI_ALIAS_FLAG = 1;
    public static final int FILTER_BITMAP_FLAG = 2;

    public enum Style { FILL, STROKE, FILL_AND_STROKE }

    public Paint(int flags) {}

    public void setColor(int color) {}

    public void setStrokeWidth(float width) {}

    public void setStyle(Style style) {}

    public void setTextSize(float textSize) {}
}
