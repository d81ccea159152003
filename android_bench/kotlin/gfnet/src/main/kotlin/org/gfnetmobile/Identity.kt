package org.gfnetmobile

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import java.security.MessageDigest

/** A Core ML package's own list holds identifiers that are drawn anew at each export. */
private const val RANDOM = "Manifest.json"

/**
 * What makes two bundles the same network (docs/bundle.md, "Identity and integrity"), from a document that is complete.
 */
internal fun bundleId(document: JsonObject): String {
    val files = document.inner("files")
    val targets =
        document.inner("targets").mapValues { (_, target) ->
            val graphs =
                (target as JsonObject).inner("graphs").mapValues { (_, file) ->
                    val kept = (file as JsonObject).filterKeys { it in listOf("entry", "inputs", "outputs", "names") }
                    JsonObject(kept + ("content" to contentOf(files, file.text("path"))))
                }
            JsonObject(graphs)
        }
    val program = document.filterKeys { it in listOf("preprocessing", "registers", "steps") }
    val text = StringBuilder()
    writeCanonical(JsonObject(program + ("targets" to JsonObject(targets))), text)
    return hexadecimal(MessageDigest.getInstance("SHA-256").digest(text.toString().toByteArray()))
}

internal fun hexadecimal(bytes: ByteArray): String = bytes.joinToString("") { "%02x".format(it) }

private fun contentOf(files: JsonObject, path: String): JsonObject {
    val hashes = filesOf(files.keys, path).mapValues { (_, name) -> files.inner(name).getValue("sha256") }
    return JsonObject(hashes.filterKeys { it != RANDOM })
}

/** Sorted keys, no white space, ASCII. Numbers are integers, as they were read. */
private fun writeCanonical(value: JsonElement, text: StringBuilder) {
    when (value) {
        is JsonObject -> {
            text.append('{')
            value.keys.sortedWith(::compareByCodePoints).forEachIndexed { index, name ->
                if (index > 0) text.append(',')
                writeText(name, text)
                text.append(':')
                writeCanonical(value.getValue(name), text)
            }
            text.append('}')
        }

        is JsonArray -> {
            text.append('[')
            value.forEachIndexed { index, item ->
                if (index > 0) text.append(',')
                writeCanonical(item, text)
            }
            text.append(']')
        }

        is JsonPrimitive -> if (value.isString) writeText(value.content, text) else text.append(value.content)
    }
}

private fun writeText(value: String, text: StringBuilder) {
    text.append('"')
    for (letter in value) {
        when (letter) {
            '"' -> text.append("\\\"")
            '\\' -> text.append("\\\\")
            '\n' -> text.append("\\n")
            '\r' -> text.append("\\r")
            '\t' -> text.append("\\t")
            '\b' -> text.append("\\b")
            '\u000C' -> text.append("\\f")
            in ' '..'~' -> text.append(letter)
            else -> text.append("\\u%04x".format(letter.code))
        }
    }
    text.append('"')
}

/** Python's order of texts; Java's differs beyond the first 65,536 characters. */
private fun compareByCodePoints(one: String, other: String): Int {
    val ours = one.codePoints().toArray()
    val theirs = other.codePoints().toArray()
    val first =
        ours.indices.firstOrNull { it >= theirs.size || ours[it] != theirs[it] } ?: return ours.size - theirs.size
    return if (first < theirs.size) ours[first] - theirs[first] else 1
}
