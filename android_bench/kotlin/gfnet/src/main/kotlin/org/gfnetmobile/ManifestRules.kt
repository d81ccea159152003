package org.gfnetmobile

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

// What the manifest's parts must be to each other, so that nothing trips over them later.

/** Elements; a 4096 x 4096 image in RGB has fewer. */
internal const val LARGEST_REGISTER = 1 shl 26

/** Throws [GFNetError] for the first rule that does not hold. [document] also has what no runner needs. */
internal fun checkRules(m: Manifest, document: JsonObject) {
    checkRegisters(m)
    m.steps.forEachIndexed { number, step -> checkStep(m, "step $number", step) }
    for ((name, target) in m.targets) checkTarget(m, "target '$name'", target, document.inner("targets").inner(name))
    need(m.labels == null || m.labels.size == m.classes) { "labels: ${m.labels?.size} for ${m.classes} classes" }
    val counted = document["multiply_adds"]
    need(counted !is JsonArray || counted.size == m.steps.size) { "multiply_adds: not as many as there are steps" }
    need(m.defaultRule in m.rules) { "default_rule '${m.defaultRule}' is not among the rules" }
    for (rules in listOf(m.rules) + m.targets.values.map { it.rules }) {
        for ((name, rule) in rules) {
            need(rule.thresholds.size == m.steps.size - 1 && rule.temperature.size == m.steps.size) {
                "rule '$name': must have a temperature for each of ${m.steps.size} steps, and one threshold fewer"
            }
            need(rule.stepMs.isEmpty() || rule.stepMs.size == m.steps.size) {
                "rule '$name': ${rule.stepMs.size} step_ms for ${m.steps.size} steps"
            }
        }
    }
    val golden = document.inner("golden").text("path")
    need(golden in m.files) { "golden: $golden is not among the files" }
}

private fun need(holds: Boolean, otherwise: () -> String) {
    if (!holds) throw GFNetError(otherwise())
}

private fun checkRegisters(m: Manifest) {
    val inputs = m.registers.values.filter { it.isInput }
    need(inputs.size == 1) { "registers: exactly one must have initial 'input', found ${inputs.size}" }
    val size = m.preprocessing.size
    need(inputs[0].shape == listOf(1, 3, size, size) && inputs[0].dtype == Dtype.FLOAT32) {
        "register '${m.image}': must be float32 [1, 3, $size, $size] as in preprocessing"
    }
    need(m.preprocessing.resize >= size) {
        "preprocessing: resize ${m.preprocessing.resize} is smaller than size $size"
    }
    for ((name, register) in m.registers) {
        // the product stops above the limit, so that it cannot overflow
        val elements = register.shape.fold(1L) { product, it ->
            if (product >
                LARGEST_REGISTER
            ) {
                product
            } else {
                product * it
            }
        }
        need(register.shape[0] == 1 && elements <= LARGEST_REGISTER) {
            "register '$name': shape ${register.shape} must be [1, ...] with at most $LARGEST_REGISTER elements"
        }
    }
}

private fun checkStep(m: Manifest, place: String, step: ProgramStep) {
    need(step.calls.distinctBy { it.graph }.size == step.calls.size) { "$place: calls one graph twice" }
    for (call in step.calls) checkCall(m, "$place, graph '${call.graph}'", call)
    val written = step.calls.flatMap { it.outputs.values }
    need(step.logits in written) { "$place: no call writes its logits '${step.logits}'" }
    val logits = m.registers.getValue(step.logits)
    val answer = m.registers[m.steps[0].logits]
    need(logits.dtype == Dtype.FLOAT32 && logits.shape.size == 2 && logits.shape == answer?.shape) {
        "$place: logits '${step.logits}' must be float32 [1, K] with one K for all steps"
    }
    need((step.position == null) == (step.patchSize == null)) { "$place: position and patch_size go together" }
    if (step.position != null) {
        need(step.position in written) { "$place: no call writes its position '${step.position}'" }
        need(isPosition(m.registers.getValue(step.position))) { "$place: position must be int32 [1, 2]" }
    }
    need((step.patchSize ?: 0) <= m.preprocessing.size) {
        "$place: patch_size ${step.patchSize} is larger than the image"
    }
}

private fun checkCall(m: Manifest, place: String, call: Call) {
    for ((tensor, name) in call.inputs.entries + call.outputs.entries) {
        need(name in m.registers) { "$place: '$tensor' names register '$name', which is not declared" }
    }
    need(call.outputs.values.toSet().size == call.outputs.size) { "$place: two outputs write one register" }
    need(m.image !in call.outputs.values) { "$place: writes the input register '${m.image}'" }
    if (call.graph == CROP) checkCrop(m, place, call)
}

private fun checkCrop(m: Manifest, place: String, call: Call) {
    need(call.inputs.keys == setOf("image", "position") && call.outputs.keys == setOf("patch")) {
        "$place: takes image and position and gives patch"
    }
    val image = m.registers.getValue(call.inputs.getValue("image"))
    val patch = m.registers.getValue(call.outputs.getValue("patch"))
    need(isPosition(m.registers.getValue(call.inputs.getValue("position")))) {
        "$place: needs an int32 [1, 2] position"
    }
    val fits =
        image.shape.size == 4 &&
            patch.shape.size == 4 &&
            image.shape[1] == patch.shape[1] &&
            patch.shape[2] <= image.shape[2] &&
            patch.shape[3] <= image.shape[3]
    need(fits && image.dtype == patch.dtype) { "$place: cannot cut ${patch.shape} out of ${image.shape}" }
}

private fun checkTarget(m: Manifest, place: String, target: Target, described: JsonObject) {
    for (call in m.calls.filter { it.graph != CROP }) {
        val file = target.graphs[call.graph] ?: throw GFNetError("$place: graph '${call.graph}' is missing")
        val where = "$place, graph '${call.graph}'"
        need(filesOf(m, file.path).isNotEmpty()) { "$where: ${file.path} is not among the files" }
        need(call.inputs.keys.sorted() == file.inputs.sorted() && call.outputs.keys.sorted() == file.outputs.sorted()) {
            "$where: its tensors are not those of the program's call"
        }
        for (tensor in described.inner("graphs").inner(call.graph).list("pictures")) {
            need(call.inputs[(tensor as JsonPrimitive).content] == m.image) {
                "$where: only the image can be a picture"
            }
        }
    }
    val probes = described["probes"] as? JsonPrimitive
    need(probes == null || !probes.isString || probes.content in m.files) {
        "$place: its probes are not among the files"
    }
    for (rule in target.rules.keys) need(rule in m.rules) { "$place: rule '$rule' is not among the bundle's" }
    for (graph in target.graphs.keys) {
        need(graph != CROP && m.calls.any { it.graph == graph }) { "$place: no step calls graph '$graph'" }
    }
}

private fun isPosition(register: Register) = register.dtype == Dtype.INT32 && register.shape == listOf(1, 2)
