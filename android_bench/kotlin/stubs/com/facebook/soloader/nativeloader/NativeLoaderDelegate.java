package com.facebook.soloader.nativeloader;

/** What ExecuTorch uses of SoLoader's interface. */
public interface NativeLoaderDelegate {}
