package android.graphics;

/** What this project uses of https://developer.android.com/reference/android/graphics/Canvas */
public class Canvas {
    public void drawBitmap(Bitmap bitmap, Rect src, RectF dst, Paint paint) {}

    public void drawRoundRect(RectF rect, float rx, float ry, Paint paint) {}

    public void drawText(String text, float x, float y, Paint paint) {}
}
