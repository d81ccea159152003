package org.gfnetmobile

import java.io.File

/** `BUNDLE MANIFESTS`: puts each manifest of a folder into the bundle and opens it; prints its name and what came of it. */
fun main(arguments: Array<String>) {
    val (bundle, manifests) = arguments.map(::File)
    for (manifest in manifests.listFiles().orEmpty()) {
        manifest.copyTo(File(bundle, "manifest.json"), overwrite = true)
        val outcome =
            try {
                openBundle(bundle)
                "opened"
            } catch (error: GFNetError) {
                "refused: ${error.message}"
            }
        println("${manifest.name} $outcome")
    }
}
