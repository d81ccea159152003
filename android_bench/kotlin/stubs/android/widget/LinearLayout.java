package android.widget;

import android.content.Context;
import android.view.ViewGroup;

/** What this project uses of https://developer.android.com/reference/android/widget/LinearLayout */
public class LinearLayout extends ViewGroup {
    public static final int VERTICAL = 1;

    public static class LayoutParams extends ViewGroup.LayoutParams {
        public LayoutParams(int width, int height, float weight) {}
    }

    public LinearLayout(Context context) {
        super(context);
    }

    public int getOrientation() {
        return 0;
    }

    public void setOrientation(int orientation) {}
}
