package org.gfnetmobile

import java.io.File
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction
import java.security.DigestInputStream
import java.security.MessageDigest

private const val MANIFEST = "manifest.json"
private const val LARGEST_MANIFEST = 16_000_000L // bytes
private const val BLOCK = 1 shl 16 // bytes read at a time

/** An opened bundle: its folder, its program, and the graphs that Android runs. */
internal class Bundle(val folder: File, val manifest: Manifest) {
    val target: Target = manifest.targets.getValue(ANDROID_TARGET)

    fun file(name: String): File = File(folder, name)
}

/**
 * Reads and checks a bundle's manifest, and compares the files of the target's graphs with it. Files of other targets
 * and the golden vectors may be missing: an app leaves them out. Throws [GFNetError] for whatever is wrong.
 */
internal fun openBundle(folder: File): Bundle {
    val manifest =
        try {
            parseManifest(readManifest(folder))
        } catch (error: GFNetError) {
            throw GFNetError("${File(folder, MANIFEST)}: ${error.message}", error)
        }
    if (ANDROID_TARGET !in manifest.targets) {
        val found = manifest.targets.keys.joinToString()
        throw GFNetError(
            "$folder: no target '$ANDROID_TARGET'; the bundle has $found. Export with --target $ANDROID_TARGET",
        )
    }
    val bundle = Bundle(folder, manifest)
    for (path in bundle.target.graphs.values.map { it.path }.distinct()) {
        for (name in filesOf(manifest, path)) checkFile(bundle, name, manifest.files.getValue(name))
    }
    return bundle
}

/** The files of a graph: itself, or all below a package folder. */
internal fun filesOf(manifest: Manifest, path: String): Collection<String> = filesOf(manifest.files.keys, path).values

/** The same, by their names inside the package ("" for a file). */
internal fun filesOf(files: Set<String>, path: String): Map<String, String> = if (path in
    files
) {
    mapOf("" to path)
} else {
    files.filter { it.startsWith("$path/") }.associateBy { it.drop(path.length + 1) }
}

private fun readManifest(folder: File): String {
    val file = File(folder, MANIFEST)
    if (!file.isFile) throw GFNetError("there is no such file, so $folder is no bundle")
    if (file.length() > LARGEST_MANIFEST) throw GFNetError("larger than $LARGEST_MANIFEST bytes, so no manifest")
    try {
        val decoder = Charsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
        return decoder.decode(ByteBuffer.wrap(file.readBytes())).toString()
    } catch (error: CharacterCodingException) {
        throw GFNetError("is not UTF-8", error)
    } catch (error: IOException) {
        throw GFNetError("cannot be read: ${error.message}", error)
    }
}

internal fun checkFile(bundle: Bundle, name: String, entry: FileEntry) {
    val file = bundle.file(name)
    val found =
        try {
            // a link may not lead out of the bundle
            if (!file.canonicalFile.startsWith(
                    bundle.folder.canonicalFile,
                )
            ) {
                throw GFNetError("$file: leaves the bundle")
            }
            if (file.length() == entry.bytes) sha256(file) else null
        } catch (error: IOException) {
            throw GFNetError("$file: cannot be read: ${error.message}", error)
        }
    if (found != entry.sha256) {
        throw GFNetError("$file: is not the file that was exported (its SHA-256 differs); copy the bundle again")
    }
}

private fun sha256(file: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    DigestInputStream(file.inputStream(), digest).use { stream ->
        val block = ByteArray(BLOCK)
        while (stream.read(block) >= 0) Unit
    }
    return hexadecimal(digest.digest())
}
