package org.gfnetmobile

/** The one call that is no graph: cuts `patch` out of `image` at `position`. */
internal const val CROP = "crop"

/**
 * Binds the built-in call: patch `[1, C, h, w]` out of image `[1, C, H, W]` at position `[1, 2]` (row, column). It
 * throws [GFNetError] for a position that puts the patch outside the image.
 */
internal fun bindCrop(inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>): () -> Unit {
    val image = inputs.getValue("image")
    val patch = outputs.getValue("patch")
    val position = inputs.getValue("position").bytes
    val from = image.bytes.duplicate()
    val to = patch.bytes.duplicate()
    val (channels, height, width) = patch.shape.drop(1)
    val rows = image.shape[2]
    val columns = image.shape[3]
    return {
        val row = position.getInt(0)
        val column = position.getInt(Int.SIZE_BYTES)
        if (row !in 0..rows - height || column !in 0..columns - width) {
            throw GFNetError("position ($row, $column) puts the patch outside the image; the graphs are broken")
        }
        to.clear()
        for (channel in 0 until channels) {
            for (line in row until row + height) {
                val start = ((channel * rows + line) * columns + column) * image.dtype.bytes
                from.clear().position(start).limit(start + width * image.dtype.bytes)
                to.put(from)
            }
        }
    }
}
