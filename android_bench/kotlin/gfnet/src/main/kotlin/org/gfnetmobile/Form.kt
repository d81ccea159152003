package org.gfnetmobile

import kotlinx.serialization.SerializationException
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import java.math.BigInteger

/**
 * What a JSON value must be, said once: a form looks at a value and gives it back with what was left out filled in. It
 * throws [GFNetError] with the place of what is wrong. As strict as the Python side: no unknown members, no number for
 * a text.
 */
internal typealias Form = (value: JsonElement, place: String) -> JsonElement

/** A member of an object; [otherwise] stands where it is left out, unless it must be there. */
internal class Field(val name: String, val form: Form, val otherwise: JsonElement? = null)

/** Throws [GFNetError] for what is no JSON. */
internal fun parseJson(text: String): JsonElement {
    checkLetters(text)
    try {
        return Json.parseToJsonElement(text)
    } catch (error: SerializationException) {
        throw GFNetError("is no JSON: ${error.message}", error)
    }
}

internal fun objectForm(vararg fields: Field): Form = { value, place ->
    if (value !is JsonObject) refuse(place, "must be an object")
    value.keys.firstOrNull { name ->
        fields.none { it.name == name }
    }?.let { refuse("$place.$it", "unknown field") }
    val read =
        fields.associate { field ->
            val inner = "$place.${field.name}"
            val found = value[field.name]?.let { field.form(it, inner) }
            field.name to (found ?: field.otherwise ?: refuse(inner, "is missing"))
        }
    JsonObject(read)
}

internal fun mapForm(key: Form, inner: Form, least: Int = 0): Form = { value, place ->
    if (value !is JsonObject) refuse(place, "must be an object")
    if (value.size < least) refuse(place, "is empty")
    val read =
        value.entries.associate { (name, one) ->
            key(JsonPrimitive(name), place)
            name to inner(one, "$place.$name")
        }
    JsonObject(read)
}

internal fun listForm(item: Form, size: IntRange = 0..Int.MAX_VALUE): Form = { value, place ->
    if (value !is JsonArray) refuse(place, "must be a list")
    if (value.size !in size) refuse(place, "${value.size} of them, must be in $size")
    JsonArray(value.mapIndexed { index, one -> item(one, "$place.$index") })
}

internal fun orNull(form: Form): Form = { value, place -> if (value is JsonNull) value else form(value, place) }

internal fun text(): Form = { value, place -> JsonPrimitive(textOf(value, place)) }

internal fun oneOf(vararg texts: String): Form = { value, place ->
    if (textOf(value, place) !in texts) refuse(place, "must be one of ${texts.joinToString()}")
    value
}

/** [problem] completes "must be". */
internal fun matching(pattern: Regex, problem: String): Form = { value, place ->
    if (!pattern.matches(textOf(value, place))) refuse(place, "must be $problem")
    value
}

/** A file's place inside a bundle: relative, with `/`, going nowhere else. */
internal fun path(): Form = { value, place ->
    val path = textOf(value, place)
    if (!path.codePoints().allMatch(::isPrintable) || '\\' in path || ':' in path) {
        refuse(place, "path '$path' has characters that not every system takes")
    }
    if (path.split('/').any { it in listOf("", ".", "..") }) refuse(place, "path '$path' leaves the bundle")
    value
}

internal fun integer(least: Int, most: Int? = null): Form = { value, place ->
    val found = integerOf(value) ?: refuse(place, "must be an integer")
    if (found < least.toBigInteger()) refuse(place, "must be at least $least")
    if (most != null && found > most.toBigInteger()) refuse(place, "must be at most $most")
    value
}

internal fun number(allowed: (Double) -> Boolean): Form = { value, place ->
    val found = numberOf(value) ?: refuse(place, "must be a number")
    if (!found.isFinite() || !allowed(found)) refuse(place, "$found is out of its range")
    value
}

/** A JSON integer, of any size; null for everything else. */
internal fun integerOf(value: JsonElement): BigInteger? {
    if (value !is JsonPrimitive || value.isString || !INTEGER.matches(value.content)) return null
    return value.content.toBigInteger()
}

internal fun refuse(place: String, problem: String): Nothing = throw GFNetError("${place.removePrefix(".")}: $problem")

// Python's side reads no longer ones either
private val INTEGER = Regex("-?(0|[1-9][0-9]{0,4299})")
private const val DEEPEST = 100 // brackets; a manifest has ten
private val NUMBER = Regex("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?")

private fun numberOf(value: JsonElement): Double? {
    if (value !is JsonPrimitive || value.isString || !NUMBER.matches(value.content)) return null
    return value.content.toDouble()
}

private fun textOf(value: JsonElement, place: String): String {
    if (value !is JsonPrimitive || !value.isString) refuse(place, "must be a text")
    if (hasLoneSurrogate(value.content)) refuse(place, "has half of a character")
    return value.content
}

private fun hasLoneSurrogate(text: String): Boolean = text.codePoints().anyMatch { it in 0xD800..0xDFFF }

/**
 * The parser lets control characters stand in a text, which JSON does not, and overflows the stack where lists are
 * deep.
 */
private fun checkLetters(text: String) {
    var depth = 0
    var inside = false
    var escaped = false
    for (letter in text) {
        when {
            inside && letter < ' ' -> throw GFNetError("is no JSON: a control character stands in a text")
            escaped -> escaped = false
            inside && letter == '\\' -> escaped = true
            letter == '"' -> inside = !inside
            !inside && letter in "[{" -> if (++depth > DEEPEST) throw GFNetError("more than $DEEPEST brackets deep")
            !inside && letter in "]}" -> depth--
        }
    }
}
