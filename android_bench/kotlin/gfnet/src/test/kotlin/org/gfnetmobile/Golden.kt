package org.gfnetmobile

import java.io.File
import java.nio.ByteBuffer

/** `BUNDLE IMAGES REGISTERS`: walks images uint8 `[N, S, S, 3]`, and writes all registers as each step left them. */
fun main(arguments: Array<String>) {
    val (bundle, images, registers) = arguments.map(::File)
    val program = openBundle(bundle).manifest
    val pixels = images.readBytes()
    val each = 3 * program.preprocessing.size * program.preprocessing.size
    GFNet.open(bundle).use { gfnet ->
        registers.outputStream().channel.use { channel ->
            for (start in pixels.indices step each) {
                val own = ByteBuffer.wrap(pixels, start, each).slice()
                for (step in gfnet.walk { put(own, it) }) {
                    for (name in program.registers.keys) channel.write(gfnet.register(name).bytes.duplicate())
                    println(lineOf(step))
                }
            }
        }
    }
}
