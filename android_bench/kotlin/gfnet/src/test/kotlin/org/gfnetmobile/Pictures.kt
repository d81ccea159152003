package org.gfnetmobile

import android.graphics.Bitmap
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * `BUNDLE COLOURS IMAGES`, and `width height orientation` of each picture on a line of standard input: takes all steps
 * on pictures whose ARGB colours stand one after another in a file, and writes the images that the graphs got.
 */
fun main(arguments: Array<String>) {
    val (bundle, file, images) = arguments.map(::File)
    val colours = ByteBuffer.wrap(file.readBytes()).order(ByteOrder.nativeOrder()).asIntBuffer()
    val image = openBundle(bundle).manifest.image
    GFNet.open(bundle).use { gfnet ->
        images.outputStream().channel.use { channel ->
            for (line in generateSequence(::readLine)) {
                val (width, height, orientation) = line.split(' ').map { it.toInt() }
                val own = IntArray(width * height).also(colours::get)
                val bitmap = Bitmap.createBitmap(own, width, height, Bitmap.Config.ARGB_8888)
                for (step in gfnet.steps(bitmap, orientation)) println(lineOf(step))
                channel.write(gfnet.register(image).bytes.duplicate())
            }
        }
    }
}
