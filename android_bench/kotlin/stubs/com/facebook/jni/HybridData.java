package com.facebook.jni;

/** What ExecuTorch uses of fbjni's class: the native half of an object. Its C++ is in gfnet/src/test/cpp. */
public class HybridData {
    private long handle;

    public HybridData(long handle) {
        this.handle = handle;
    }

    public boolean isValid() {
        return handle != 0;
    }

    public void resetNative() {
        delete(handle);
        handle = 0;
    }

    private static native void delete(long handle);
}
