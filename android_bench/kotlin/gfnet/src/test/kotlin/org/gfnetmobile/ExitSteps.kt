package org.gfnetmobile

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import java.io.File

/** `CASES`: JSON, `[{"rule": …, "logits": [N, T, K]}]`; prints the step at which each of N sequences ends. */
fun main(arguments: Array<String>) {
    for (case in Json.parseToJsonElement(File(arguments[0]).readText()) as JsonArray) {
        val rule = ruleOf((case as JsonObject).inner("rule"))
        for (sequence in case.list("logits")) {
            val steps = (sequence as JsonArray).map { step -> floats(step as JsonArray) }
            println(steps.indices.first { shouldStop(rule, it, steps[it]) })
        }
    }
}

private fun floats(values: JsonArray) = FloatArray(values.size) { (values[it] as JsonPrimitive).content.toFloat() }
