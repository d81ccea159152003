package org.gfnetmobile

import android.graphics.Bitmap
import java.io.File

/**
 * Opens the bundle of each folder that a line of standard input names, and takes all steps on a grey picture; prints
 * `opened` or why it was refused.
 */
fun main() {
    val colours = IntArray(30 * 20) { 0xFF808080.toInt() }
    val picture = Bitmap.createBitmap(colours, 30, 20, Bitmap.Config.ARGB_8888)
    for (folder in generateSequence(::readLine)) {
        try {
            GFNet.open(File(folder)).use { gfnet -> gfnet.classify(picture, threshold = 1.0) }
            println("opened")
        } catch (error: GFNetError) {
            println(error.message)
        }
        System.out.flush() // whoever asked waits
    }
}
