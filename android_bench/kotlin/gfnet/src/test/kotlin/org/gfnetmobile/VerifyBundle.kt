package org.gfnetmobile

import java.io.File

/** `BUNDLE`: its golden vectors replayed: how many images agree, then one line for each row of the table. */
fun main(arguments: Array<String>) {
    val found = GFNet.open(File(arguments[0])).use { it.verify() }
    println("${found.images} ${found.labels} ${found.steps} ${found.isGood}")
    for (row in found.rows) {
        println("${row.mode.name.lowercase()} ${row.step} ${row.graph} ${row.tensor} ${row.difference} ${row.allowed}")
    }
}
