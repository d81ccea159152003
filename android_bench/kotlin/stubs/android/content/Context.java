package android.content;

import android.content.res.AssetManager;
import java.io.File;

/** What this project uses of https://developer.android.com/reference/android/content/Context */
public abstract class Context {
    public abstract AssetManager getAssets();

    public abstract ContentResolver getContentResolver();

    public abstract File getFilesDir();
}
