package android.view;

import android.content.Context;
import android.content.res.Resources;
import android.graphics.Canvas;

/** What this project uses of https://developer.android.com/reference/android/view/View */
public class View {
    public interface OnClickListener {
        void onClick(View v);
    }

    public View(Context context) {}

    public final int getWidth() {
        return 0;
    }

    public final int getHeight() {
        return 0;
    }

    public Resources getResources() {
        return null;
    }

    public void invalidate() {}

    protected void onDraw(Canvas canvas) {}

    public boolean getFitsSystemWindows() {
        return false;
    }

    public void setFitsSystemWindows(boolean fitSystemWindows) {}

    public void setOnClickListener(OnClickListener l) {}
}
