package org.gfnetmobile

import java.io.File

/** Opens the bundle of each folder that a line of standard input names; prints `opened` or why it was refused. */
fun main() {
    for (folder in generateSequence(::readLine)) {
        try {
            openBundle(File(folder))
            println("opened")
        } catch (error: GFNetError) {
            println(error.message)
        }
    }
}
