package android.widget;

import android.content.Context;
import android.view.View;

/** What this project uses of https://developer.android.com/reference/android/widget/TextView */
public class TextView extends View {
    public TextView(Context context) {
        super(context);
    }

    public void append(CharSequence text) {}

    public CharSequence getText() {
        return null;
    }

    public void setText(CharSequence text) {}
}
