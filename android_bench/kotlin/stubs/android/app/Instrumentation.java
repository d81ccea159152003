package android.app;

import android.content.ContentResolver;
import android.content.Context;
import android.content.res.AssetManager;
import java.io.File;
import java.util.Arrays;

/**
 * What this project uses, of an app whose assets lie in the folders of property `assets` and whose files in that of
 * property `files`, of https://developer.android.com/reference/android/app/Instrumentation
 */
public class Instrumentation {
    public Context getTargetContext() {
        return new Context() {
            @Override
            public AssetManager getAssets() {
                String[] folders = System.getProperty("assets").split(File.pathSeparator);
                return new AssetManager(Arrays.stream(folders).map(File::new).toArray(File[]::new));
            }

            @Override
            public ContentResolver getContentResolver() {
                return null;
            }

            @Override
            public File getFilesDir() {
                return new File(System.getProperty("files"));
            }
        };
    }
}
