package android.content.res;

import java.io.File;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.TreeSet;

/**
 * What this project uses, with the files of some folders as the assets that an app would have, of
 * https://developer.android.com/reference/android/content/res/AssetManager
 */
public final class AssetManager {
    private final File[] folders;

    /** A phone makes its own. */
    public AssetManager(File... folders) {
        this.folders = folders;
    }

    public InputStream open(String fileName) throws IOException {
        for (File folder : folders) {
            File file = new File(folder, fileName);
            if (file.isFile()) return new FileInputStream(file);
        }
        throw new FileNotFoundException(fileName);
    }

    public String[] list(String path) throws IOException {
        TreeSet<String> names = new TreeSet<>();
        for (File folder : folders) {
            String[] found = new File(folder, path).list();
            if (found != null) names.addAll(List.of(found));
        }
        return names.toArray(new String[0]);
    }
}
