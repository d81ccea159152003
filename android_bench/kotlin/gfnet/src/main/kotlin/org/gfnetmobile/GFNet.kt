package org.gfnetmobile

import android.graphics.Bitmap
import java.io.File
import kotlin.math.min

/** Decides after a step whether it was the last. */
private typealias Stop = (Step) -> Boolean

private const val NANOSECONDS = 1e6 // of a millisecond
private const val MOST_THREADS = 4 // phones have about as many fast cores

/**
 * A bundle, loaded and ready to run: it walks the bundle's program over one image at a time, step by step. It knows no
 * backbone, no exit head and no number of steps. Registers are allocated and bound once; then a step is a handful of
 * prepared calls.
 *
 * One thread at a time. Starting on another image ends the steps of the one before.
 */
public class GFNet private constructor(bundle: Bundle, threads: Int) : AutoCloseable {
    private val program = bundle.manifest
    private val registers = program.registers.mapValues { TensorBuffer(it.value.dtype, it.value.shape) }
    private val image = registers.getValue(program.image)
    private val imageZeros = buffers(readBeforeWritten(program).filter { !program.registers.getValue(it).isStream })
    private val streamZeros = buffers(program.registers.filter { it.value.isStream }.keys)
    private val graphs = Graphs(bundle, threads)
    private val steps = program.steps.map { step -> step.calls.map(::bind) }
    private var turn: Any? = null
    private var isClosed = false

    public companion object {
        /**
         * Opens a bundle that was exported with `--target executorch`. Takes a while, so not on the main thread.
         * [threads] belong to the process. Throws [GFNetError] for a bundle that is not whole.
         */
        public fun open(
            bundleFolder: File,
            threads: Int = min(MOST_THREADS, Runtime.getRuntime().availableProcessors()),
        ): GFNet = GFNet(openBundle(bundleFolder), threads)
    }

    /**
     * The steps on one picture, each computed when it is asked for. Stop whenever you like.
     *
     * [orientation] is EXIF's (1 to 8) where the bitmap was decoded as it is stored. Iterating throws [GFNetError] for
     * a picture that cannot be read and for graphs that fail, [IllegalStateException] once another image was started or
     * this is closed.
     */
    public fun steps(bitmap: Bitmap, orientation: Int = 1): Sequence<Step> =
        walk { prepare(bitmap, orientation, program.preprocessing, image) }

    /**
     * The answer: the step at which an exit rule or one of the limits ends the sequence.
     *
     * The rule is the bundle's default, its rule of that name, or one max-softmax [threshold] in [0, 1]. It ends after
     * [maxSteps] steps, and where the next step would pass [deadlineMs]: [expectedMs] holds the time of each step; where
     * it is empty, the rule's own `step_ms`; a time that is not known counts as 0. The glance always runs. Throws as
     * [steps] does, and [GFNetError] for limits that cannot be.
     */
    public fun classify(
        bitmap: Bitmap,
        rule: String? = null,
        threshold: Double? = null,
        maxSteps: Int? = null,
        deadlineMs: Double? = null,
        expectedMs: List<Double> = emptyList(),
        orientation: Int = 1,
    ): Step {
        val stop = stopping(rule, threshold, maxSteps, deadlineMs, expectedMs)
        return steps(bitmap, orientation).first(stop)
    }

    /** Forgets the stream: what a video model carries from frame to frame. */
    public fun reset() {
        turn = null
        streamZeros.forEach { it.fillZeros() }
    }

    override fun close() {
        if (isClosed) return
        turn = null
        isClosed = true
        graphs.close()
    }

    /** The steps on an image that [put] brings into the register for it. */
    internal fun walk(put: (TensorBuffer) -> Prepared): Sequence<Step> = sequence {
        val own = Any()
        turn = own
        check(!isClosed) { "it is closed" }
        val prepared = put(image)
        imageZeros.forEach { it.fillZeros() }
        var elapsed = 0L
        for (index in steps.indices) {
            check(turn === own) { "these steps ended when another image was started, or with reset or close" }
            val start = System.nanoTime()
            for (call in steps[index]) call()
            elapsed += System.nanoTime() - start
            yield(step(index, prepared, elapsed / NANOSECONDS))
        }
    }.constrainOnce()

    /** When to stop; see [classify]. True at the last step, whatever the limits. */
    private fun stopping(
        rule: String?,
        threshold: Double?,
        maxSteps: Int?,
        deadlineMs: Double?,
        expectedMs: List<Double>,
    ): Stop {
        val exitRule = exitRule(rule, threshold)
        if (maxSteps != null && maxSteps < 1) throw GFNetError("maxSteps $maxSteps: must be at least 1")
        if (deadlineMs != null && !(deadlineMs >= 0)) throw GFNetError("deadlineMs $deadlineMs: must be at least 0")
        val times = expectedMs.ifEmpty { exitRule.stepMs }
        return { step ->
            val following = step.index + 1
            val isLate = deadlineMs != null && step.elapsedMs + (times.getOrNull(following) ?: 0.0) > deadlineMs
            following == maxSteps || isLate || shouldStop(exitRule, step.index, step.logits)
        }
    }

    /** A register as the last call left it. */
    internal fun register(name: String): TensorBuffer = registers.getValue(name)

    private fun buffers(names: Collection<String>) = names.map(registers::getValue)

    private fun bind(call: Call): () -> Unit {
        val inputs = call.inputs.mapValues { registers.getValue(it.value) }
        val outputs = call.outputs.mapValues { registers.getValue(it.value) }
        return if (call.graph == CROP) bindCrop(inputs, outputs) else graphs.bind(call.graph, inputs, outputs)
    }

    private fun step(index: Int, prepared: Prepared, elapsedMs: Double): Step {
        val step = program.steps[index]
        val logits = FloatArray(program.classes)
        registers.getValue(step.logits).bytes.asFloatBuffer().get(logits)
        val probabilities = softmax(logits)
        val label = logits.indices.maxBy { logits[it] }
        val place = step.position?.let { registers.getValue(it).bytes }
        val position = place?.let { Position(it.getInt(0), it.getInt(Int.SIZE_BYTES)) }
        val patchSize = step.patchSize
        return Step(
            index = index,
            logits = logits,
            probabilities = probabilities,
            confidence = probabilities[label],
            label = label,
            name = program.labels?.get(label),
            position = position,
            patchSize = patchSize,
            region = if (position == null ||
                patchSize == null
            ) {
                prepared.region()
            } else {
                prepared.region(position, patchSize)
            },
            elapsedMs = elapsedMs,
        )
    }

    private fun exitRule(name: String?, threshold: Double?): ExitRule {
        if (threshold != null) {
            if (name != null) throw GFNetError("rule and threshold: give one of them")
            return uniformRule(threshold, program.steps.size)
        }
        return program.rule(ANDROID_TARGET, name ?: program.defaultRule)
            ?: throw GFNetError("no exit rule '$name'; the bundle has ${program.rules.keys.joinToString()}")
    }
}

/** Registers whose initial zeros a call can see, and which therefore need them at the start of every lifetime. */
private fun readBeforeWritten(program: Manifest): Set<String> {
    val seen = LinkedHashSet<String>()
    val written = mutableSetOf(program.image)
    for (call in program.calls) {
        seen += call.inputs.values.filter { it !in written }
        written += call.outputs.values
    }
    return seen
}
