package org.gfnetmobile

import java.nio.ByteBuffer

/** What Kotlin shares with the C++ runner: android_bench/core, built as the library `gfnet_jni`. */
internal object NativeCore {
    init {
        System.loadLibrary("gfnet_jni")
    }

    /**
     * From colours `[height, width]`, ARGB as [android.graphics.Bitmap.getPixels] gives them, to [image], float32
     * `[1, 3, size, size]`, direct. [orientation] is EXIF's, 1 to 8. [colours] are spent afterwards.
     *
     * Returns width and height of the upright picture, source pixels per pixel of the resized picture (down, across),
     * and row and column of the crop in the resized picture. Throws [GFNetError] for pictures that are too large or too
     * narrow.
     */
    @JvmStatic
    external fun prepare(
        colours: IntArray,
        width: Int,
        height: Int,
        orientation: Int,
        size: Int,
        resize: Int,
        isBicubic: Boolean,
        image: ByteBuffer,
    ): DoubleArray
}
