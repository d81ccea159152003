package android.app;

import android.content.ContentResolver;
import android.content.Context;
import android.content.Intent;
import android.content.res.AssetManager;
import android.os.Bundle;
import android.view.View;
import java.io.File;

/** What this project uses of https://developer.android.com/reference/android/app/Activity */
public class Activity extends Context {
    public static final int RESULT_OK = -1;

    @Override
    public AssetManager getAssets() {
        return null;
    }

    @Override
    public ContentResolver getContentResolver() {
        return null;
    }

    @Override
    public File getFilesDir() {
        return null;
    }

    protected void onCreate(Bundle savedInstanceState) {}

    protected void onDestroy() {}

    protected void onActivityResult(int requestCode, int resultCode, Intent data) {}

    public void setContentView(View view) {}

    public void startActivityForResult(Intent intent, int requestCode) {}

    public final void runOnUiThread(Runnable action) {}
}
