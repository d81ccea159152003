package org.gfnetmobile

import android.graphics.Bitmap
import java.nio.ByteBuffer

/** The way back from the network's image to the picture that it was cut from. */
internal class Prepared(
    /** side S of the image, pixels */
    private val size: Int,
    /** source pixels per pixel of the resized picture */
    private val down: Double,
    private val across: Double,
    /** of the centre crop in the resized picture */
    private val row: Double,
    private val column: Double,
) {
    /** Where the patch of side [side] at [position] lies in the source. */
    fun region(position: Position = Position(0, 0), side: Int = size): Region =
        Region((row + position.row) * down, (column + position.column) * across, side * down, side * across)
}

/** Puts a picture into [image], float32 `[1, 3, S, S]`. Throws [GFNetError] where it cannot be one. */
internal fun prepare(bitmap: Bitmap, orientation: Int, preprocessing: Preprocessing, image: TensorBuffer): Prepared {
    if (orientation !in 1..8) throw GFNetError("orientation $orientation: must be one of EXIF's, 1 to 8")
    val width = bitmap.width
    val height = bitmap.height
    val colours = IntArray(width * height)
    try {
        bitmap.getPixels(colours, 0, width, 0, 0, width, height)
    } catch (error: IllegalStateException) {
        throw GFNetError("the bitmap's pixels cannot be read: copy it to ARGB_8888 first, or do not recycle it", error)
    }
    val size = preprocessing.size
    val found =
        NativeCore.prepare(
            colours,
            width,
            height,
            orientation,
            size,
            preprocessing.resize,
            preprocessing.isBicubic,
            image.bytes,
        )
    val (down, across, row, column) = found
    return Prepared(size, down, across, row, column)
}

/** Puts pixels uint8 `[S, S, 3]` that are an image already into [image], float32 `[1, 3, S, S]`. */
internal fun put(pixels: ByteBuffer, image: TensorBuffer): Prepared {
    val side = image.shape[3]
    val values = image.bytes.asFloatBuffer()
    for (place in 0 until side * side) {
        for (channel in 0 until 3) {
            values.put(channel * side * side + place, (pixels.get(3 * place + channel).toInt() and 255) / 255f)
        }
    }
    return Prepared(side, 1.0, 1.0, 0.0, 0.0)
}
