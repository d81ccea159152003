package org.gfnetmobile

/** Bad input: one line that says what is wrong, where, and how to mend it. */
public class GFNetError(message: String, cause: Throwable? = null) : Exception(oneLine(message), cause)

/** Is it a letter, a sign or a plain space, and no code that a terminal obeys? */
internal fun isPrintable(codePoint: Int): Boolean = when (Character.getType(codePoint).toByte()) {
    Character.CONTROL, Character.FORMAT, Character.PRIVATE_USE, Character.SURROGATE, Character.UNASSIGNED,
    Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR,
    -> false

    Character.SPACE_SEPARATOR -> codePoint == ' '.code

    else -> true
}

private const val LONGEST = 600 // characters of a line

/** A damaged file's own names may hold line breaks, codes that a terminal obeys, or megabytes. */
private fun oneLine(text: String): String {
    val line = StringBuilder()
    text.codePoints().forEach { if (isPrintable(it)) line.appendCodePoint(it) else line.append(' ') }
    return if (line.length <= LONGEST) line.toString() else line.take(LONGEST - 1).toString() + "…"
}
