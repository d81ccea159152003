package org.gfnetmobile

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** The target that Android's ExecuTorch runs. */
internal const val ANDROID_TARGET = "executorch"

internal class Register(
    val shape: List<Int>,
    val dtype: Dtype,
    val isInput: Boolean,
    /** lives from image to image */
    val isStream: Boolean,
)

internal class Call(
    val graph: String,
    /** tensor of the graph → register */
    val inputs: Map<String, String>,
    val outputs: Map<String, String>,
)

internal class ProgramStep(
    val calls: List<Call>,
    /** register, float32 `[1, K]` */
    val logits: String,
    /** register, int32 `[1, 2]`: row and column of the patch's top-left pixel; none at the glance */
    val position: String?,
    /** pixels */
    val patchSize: Int?,
)

internal class Preprocessing(
    /** side S of the square image, pixels */
    val size: Int,
    /** length of the short side before the crop, pixels */
    val resize: Int,
    val isBicubic: Boolean,
)

internal class GraphFile(
    val path: String,
    val entry: String,
    /** in the order of positional arguments */
    val inputs: List<String>,
    val outputs: List<String>,
)

internal class Target(
    val graphs: Map<String, GraphFile>,
    /** found anew for this target, in place of the bundle's */
    val rules: Map<String, ExitRule>,
)

internal class FileEntry(val sha256: String, val bytes: Long)

/** What a runner needs of `manifest.json`; see docs/bundle.md. */
internal class Manifest(
    val preprocessing: Preprocessing,
    val registers: Map<String, Register>,
    val steps: List<ProgramStep>,
    val targets: Map<String, Target>,
    val labels: List<String>?,
    val rules: Map<String, ExitRule>,
    val defaultRule: String,
    val files: Map<String, FileEntry>,
) {
    /** The register that takes the image. */
    val image: String get() = registers.entries.first { it.value.isInput }.key

    val classes: Int get() = registers.getValue(steps[0].logits).shape[1]

    val calls: List<Call> get() = steps.flatMap { it.calls }

    /** The exit rule of that name for a target; null if there is none. */
    fun rule(target: String, name: String): ExitRule? = rules[name]?.let { targets.getValue(target).rules[name] ?: it }
}

/** Throws [GFNetError] for everything that a runner would trip over, and for an identity that does not follow. */
internal fun parseManifest(text: String): Manifest {
    val document = manifestForm(parseJson(text))
    val manifest = manifestOf(document)
    checkRules(manifest, document)
    if (document.text("bundle_id") != bundleId(document)) {
        throw GFNetError("bundle_id does not follow from the content; export again")
    }
    return manifest
}

private fun manifestOf(document: JsonObject): Manifest = Manifest(
    preprocessing = preprocessingOf(document.inner("preprocessing")),
    registers = document.inner("registers").mapValues { registerOf(it.value as JsonObject) },
    steps = document.list("steps").map { stepOf(it as JsonObject) },
    targets = document.inner("targets").mapValues { targetOf(it.value as JsonObject) },
    labels = (document["labels"] as? JsonArray)?.let(::texts),
    rules = document.inner("rules").mapValues { ruleOf(it.value as JsonObject) },
    defaultRule = document.text("default_rule"),
    files = document.inner("files").mapValues { fileOf(it.value as JsonObject) },
)

private fun preprocessingOf(value: JsonObject) =
    Preprocessing(value.int("size"), value.int("resize"), value.text("filter") == "bicubic")

private fun registerOf(value: JsonObject) = Register(
    shape = value.list("shape").map { (it as JsonPrimitive).content.toInt() },
    dtype = Dtype.valueOf(value.text("dtype").uppercase()),
    isInput = value.text("initial") == "input",
    isStream = value.text("lifetime") == "stream",
)

private fun stepOf(value: JsonObject) = ProgramStep(
    calls = value.list("calls").map { callOf(it as JsonObject) },
    logits = value.text("logits"),
    position = if (value["position"] is JsonNull) null else value.text("position"),
    patchSize = if (value["patch_size"] is JsonNull) null else value.int("patch_size"),
)

private fun callOf(value: JsonObject) =
    Call(value.text("graph"), names(value.inner("inputs")), names(value.inner("outputs")))

private fun targetOf(value: JsonObject) = Target(
    graphs = value.inner("graphs").mapValues { graphOf(it.value as JsonObject) },
    rules = value.inner("rules").mapValues { ruleOf(it.value as JsonObject) },
)

private fun graphOf(value: JsonObject) =
    GraphFile(value.text("path"), value.text("entry"), texts(value.list("inputs")), texts(value.list("outputs")))

internal fun ruleOf(value: JsonObject) = ExitRule(
    measure = Measure.valueOf(value.text("measure").uppercase()),
    temperature = value.list("temperature").map { (it as JsonPrimitive).content.toDouble() },
    thresholds = value.list("thresholds").map {
        if (it is JsonNull) null else (it as JsonPrimitive).content.toDouble()
    },
    stepMs = ((value["calibration"] as? JsonObject)?.get("step_ms") as? JsonArray).orEmpty().map {
        (it as JsonPrimitive).content.toDouble()
    },
)

/** A size beyond 64 bits is that of no file. */
private fun fileOf(value: JsonObject) =
    FileEntry(value.text("sha256"), value.text("bytes").toBigInteger().min(Long.MAX_VALUE.toBigInteger()).toLong())

private fun names(value: JsonObject) = value.mapValues { (it.value as JsonPrimitive).content }

private fun texts(value: JsonArray) = value.map { (it as JsonPrimitive).content }

// Members of a document that went through its form: what they are is known.

internal fun JsonObject.inner(name: String): JsonObject = getValue(name) as JsonObject

internal fun JsonObject.list(name: String): JsonArray = getValue(name) as JsonArray

internal fun JsonObject.text(name: String): String = (getValue(name) as JsonPrimitive).content

private fun JsonObject.int(name: String): Int = text(name).toInt()
