package org.gfnetmobile

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** A step as one line of JSON, its fields under their Python names. */
internal fun lineOf(step: Step): String {
    val region = listOf(step.region.top, step.region.left, step.region.height, step.region.width)
    val fields =
        mapOf(
            "index" to JsonPrimitive(step.index),
            "logits" to list(step.logits.asList()),
            "probabilities" to list(step.probabilities.asList()),
            "confidence" to JsonPrimitive(step.confidence),
            "label" to JsonPrimitive(step.label),
            "name" to JsonPrimitive(step.name),
            "position" to list(step.position?.let { listOf(it.row, it.column) } ?: emptyList()),
            "patch_size" to JsonPrimitive(step.patchSize),
            "region" to list(region),
            "elapsed_ms" to JsonPrimitive(step.elapsedMs),
        )
    return JsonObject(fields).toString()
}

private fun list(numbers: List<Number>): JsonElement = JsonArray(numbers.map(::JsonPrimitive))
