package com.facebook.soloader.nativeloader;

/** What ExecuTorch uses of SoLoader's class. */
public class SystemDelegate implements NativeLoaderDelegate {}
