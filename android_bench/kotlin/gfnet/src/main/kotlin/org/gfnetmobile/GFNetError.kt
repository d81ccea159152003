package org.gfnetmobile

/** Bad input: one line that says what is wrong, where, and how to mend it. */
public class GFNetError(message: String, cause: Throwable? = null) : Exception(oneLine(message), cause)

private const val LONGEST = 600 // characters of a line

/** A damaged file's own names may hold line breaks, codes that a terminal obeys, or megabytes. */
private fun oneLine(text: String): String {
    val line = text.map { if (it.isISOControl()) ' ' else it }.joinToString("").trim()
    return if (line.length <= LONGEST) line else line.take(LONGEST - 1) + "…"
}
