package org.gfnetmobile

import kotlin.math.exp
import kotlin.math.ln
import kotlin.math.max

// When a step's answer is sure enough to stop (docs/bundle.md, "Exit rules"). Logits are float32; a confidence is
// computed from them in float64 and rounded to float32 once, at the end, so that every language gets the same number.

internal enum class Measure { MAX_SOFTMAX, MARGIN, ENTROPY }

/** Stop after step t when its confidence is at least `thresholds[t]` (null: never there). */
internal class ExitRule(
    val measure: Measure,
    /** one per step */
    val temperature: List<Double>,
    /** one fewer */
    val thresholds: List<Double?>,
    /** milliseconds that each step hardly ever exceeds, for a deadline; empty if not known */
    val stepMs: List<Double> = emptyList(),
)

/** One max-softmax threshold for all of [steps] steps. Throws [GFNetError] unless it lies in [0, 1]. */
internal fun uniformRule(threshold: Double, steps: Int): ExitRule {
    if (threshold !in 0.0..1.0) throw GFNetError("threshold $threshold: must lie between 0 and 1")
    return ExitRule(Measure.MAX_SOFTMAX, List(steps) { 1.0 }, List(steps - 1) { threshold })
}

/** Does the sequence end with step [step] (0 is the glance), whose [logits] are finite? */
internal fun shouldStop(rule: ExitRule, step: Int, logits: FloatArray): Boolean {
    if (step == rule.thresholds.size) return true
    val threshold = rule.thresholds[step] ?: return false
    return confidence(rule.measure, rule.temperature[step], logits) >= threshold.toFloat()
}

/** How sure finite [logits] `[K]` are. */
internal fun confidence(measure: Measure, temperature: Double, logits: FloatArray): Float {
    val largest = largest(logits)
    var total = 0.0
    var product = 0.0
    var first = 0.0
    var second = 0.0
    for (logit in logits) {
        // below -200 the exponential adds nothing; the bound keeps the products finite
        val scaled = max((logit - largest) / temperature, -200.0)
        val weight = exp(scaled)
        total += weight
        product += weight * scaled
        if (weight > first) {
            second = first
            first = weight
        } else {
            second = max(second, weight)
        }
    }
    return when {
        measure == Measure.MAX_SOFTMAX || logits.size == 1 -> 1 / total
        measure == Measure.MARGIN -> (first - second) / total
        else -> 1 - (ln(total) - product / total) / ln(logits.size.toDouble())
    }.toFloat()
}

/** Probabilities `[K]` of [logits] `[K]`. Throws [GFNetError] unless all are finite. */
internal fun softmax(logits: FloatArray): FloatArray {
    if (!logits.all { it.isFinite() }) throw GFNetError("the logits are not finite; the graphs or the image are broken")
    val largest = largest(logits)
    var total = 0.0
    for (logit in logits) total += exp(logit - largest)
    return FloatArray(logits.size) { (exp(logits[it] - largest) / total).toFloat() }
}

private fun largest(logits: FloatArray): Double {
    var largest = logits[0]
    for (logit in logits) largest = max(largest, logit)
    return largest.toDouble()
}
