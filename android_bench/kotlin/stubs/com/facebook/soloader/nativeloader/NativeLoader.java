package com.facebook.soloader.nativeloader;

/** What ExecuTorch uses of SoLoader's class. It loads the desktop's stand-in for ExecuTorch's own library. */
public final class NativeLoader {
    public static boolean isInitialized() {
        return true;
    }

    public static void init(NativeLoaderDelegate delegate) {}

    public static boolean loadLibrary(String shortName) {
        System.loadLibrary(shortName + "_jni");
        return true;
    }
}
