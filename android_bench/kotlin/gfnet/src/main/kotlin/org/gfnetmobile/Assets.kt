package org.gfnetmobile

import android.content.Context
import android.content.res.AssetManager
import java.io.File
import java.io.IOException

/**
 * A bundle of the app's assets as a folder of files, since graphs are mapped into memory: copied where the manifest
 * differs from that of the copy before. Throws [IOException] where the assets have no such bundle or the disk is full.
 */
public fun copyBundle(context: Context, name: String): File {
    val folder = File(context.filesDir, name)
    val copied = File(folder, "manifest.json")
    val manifest = context.assets.open("$name/manifest.json").use { it.readBytes() }
    if (!copied.isFile || !copied.readBytes().contentEquals(manifest)) {
        val fresh = File(context.filesDir, "$name.new")
        fresh.deleteRecursively()
        copy(context.assets, name, fresh)
        folder.deleteRecursively()
        if (!fresh.renameTo(folder)) throw IOException("$fresh: cannot be renamed")
    }
    return folder
}

private fun copy(assets: AssetManager, from: String, to: File) {
    val inside = assets.list(from).orEmpty() // of a file: nothing
    if (inside.isEmpty()) {
        assets.open(from).use { input -> to.outputStream().use { input.copyTo(it) } }
    } else {
        to.mkdirs()
        for (name in inside) copy(assets, "$from/$name", File(to, name))
    }
}
