package android.content.res;

import java.io.IOException;
import java.io.InputStream;

/** What this project uses of https://developer.android.com/reference/android/content/res/AssetManager */
public final class AssetManager {
    private AssetManager() {}

    public InputStream open(String fileName) throws IOException {
        throw new IOException(fileName);
    }

    public String[] list(String path) throws IOException {
        throw new IOException(path);
    }
}
