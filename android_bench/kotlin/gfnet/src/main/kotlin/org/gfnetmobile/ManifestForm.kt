package org.gfnetmobile

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

private const val SCHEMA_VERSION = 1
private const val LARGEST_IMAGE = 4096 // pixels
private const val LARGEST_RESIZE = 8192 // pixels
private const val MOST_STEPS = 8
private const val MOST_AXES = 5

private val SHA256 = matching(Regex("[0-9a-f]{64}"), "64 hexadecimal digits")
private val NAME = matching(Regex("[A-Za-z0-9][A-Za-z0-9._-]{0,99}"), "letters, digits, '.', '_' and '-'")
private val NAMES = mapForm(text(), text())
private val SHARE = orNull(number { it in 0.0..1.0 })

private val TIME = number { it >= 0 }

private val REGISTER =
    objectForm(
        Field("shape", listForm(integer(1, LARGEST_REGISTER), 1..MOST_AXES)),
        Field("dtype", oneOf("float32", "float16", "int32")),
        Field("initial", oneOf("zeros", "input"), JsonPrimitive("zeros")),
        Field("lifetime", oneOf("image", "stream"), JsonPrimitive("image")),
    )

private val CALL = objectForm(Field("graph", text()), Field("inputs", NAMES), Field("outputs", NAMES))

private val STEP =
    objectForm(
        Field("calls", listForm(CALL, 1..Int.MAX_VALUE)),
        Field("logits", text()),
        Field("position", orNull(text()), JsonNull),
        Field("patch_size", orNull(integer(1, LARGEST_IMAGE)), JsonNull),
    )

private val CALIBRATION =
    objectForm(
        Field("data", text()),
        Field("data_hash", orNull(SHA256), JsonNull),
        Field("device", orNull(text()), JsonNull),
        Field("goal", orNull(text()), JsonNull),
        Field("date", orNull(text()), JsonNull),
        Field("accuracy", SHARE, JsonNull),
        Field("mean_steps", orNull(number { it >= 1 }), JsonNull),
        Field("mean_ms", orNull(TIME), JsonNull),
        Field("p50_ms", orNull(TIME), JsonNull),
        Field("p95_ms", orNull(TIME), JsonNull),
        Field("worst_ms", orNull(TIME), JsonNull),
        Field("leaves", orNull(listForm(number { it in 0.0..1.0 })), JsonNull),
        Field("step_ms", orNull(listForm(TIME)), JsonNull),
    )

private val RULE =
    objectForm(
        Field("measure", oneOf("max_softmax", "margin", "entropy")),
        Field("temperature", listForm(number { it in 1e-3..1e3 })),
        Field("thresholds", listForm(SHARE)),
        Field("calibration", orNull(CALIBRATION), JsonNull),
    )

private val GRAPH =
    objectForm(
        Field("path", path()),
        Field("entry", text(), JsonPrimitive("main")),
        Field("inputs", listForm(text())),
        Field("outputs", listForm(text())),
        Field("names", NAMES, JsonObject(emptyMap())),
        Field("pictures", listForm(text()), JsonArray(emptyList())),
        Field("compute_units", oneOf("all", "cpu_and_ne", "cpu_and_gpu", "cpu"), JsonPrimitive("all")),
        Field(
            "compression",
            oneOf("none", "fp16", "int8", "palette4", "palette6", "palette8"),
            JsonPrimitive("none"),
        ),
        Field("tolerance", number { it > 0 }, JsonPrimitive(1e-4)),
    )

private val TARGET =
    objectForm(
        Field("graphs", mapForm(text(), GRAPH)),
        Field("probes", orNull(path()), JsonNull),
        Field("rules", mapForm(text(), RULE), JsonObject(emptyMap())),
    )

private val PREPROCESSING =
    objectForm(
        Field("size", integer(1, LARGEST_IMAGE)),
        Field("resize", integer(1, LARGEST_RESIZE)),
        Field("filter", oneOf("bilinear", "bicubic")),
    )

private val MANIFEST =
    objectForm(
        Field("schema_version", ::version),
        Field("name", NAME),
        Field("bundle_id", SHA256),
        Field("checkpoint", SHA256),
        Field("preprocessing", PREPROCESSING),
        Field("registers", mapForm(text(), REGISTER)),
        Field("steps", listForm(STEP, 1..MOST_STEPS)),
        Field("targets", mapForm(text(), TARGET, least = 1)),
        Field("labels", orNull(listForm(text())), JsonNull),
        Field("rules", mapForm(text(), RULE, least = 1)),
        Field("default_rule", text()),
        Field("multiply_adds", orNull(listForm(integer(1))), JsonNull),
        Field("golden", objectForm(Field("path", path()), Field("count", integer(1)))),
        Field("files", mapForm(path(), objectForm(Field("sha256", SHA256), Field("bytes", integer(0))))),
        Field("tools", NAMES),
    )

/**
 * A manifest as docs/manifest.schema.json has it, with its defaults. That it is from the future goes before all else.
 */
internal fun manifestForm(value: JsonElement): JsonObject {
    if (value is JsonObject) value["schema_version"]?.let { version(it, "schema_version") }
    return MANIFEST(value, "") as JsonObject
}

private fun version(value: JsonElement, place: String): JsonElement {
    val found = integerOf(value) ?: refuse(place, "must be $SCHEMA_VERSION")
    val current = SCHEMA_VERSION.toBigInteger()
    if (found > current) refuse(place, "made by a newer gfnet-mobile (schema_version $found): update the library")
    if (found != current) refuse(place, "must be $SCHEMA_VERSION")
    return value
}
