package org.gfnetmobile

import kotlin.math.abs
import kotlin.math.max
import kotlin.math.pow

/** Does this device compute what the eager model computed? The same table as `gfnet-mobile verify`. */
public class Verification internal constructor(
    public val rows: List<Row>,
    /** golden images; how many of them end with the same label, and after the same number of steps */
    public val images: Int,
    public val labels: Int,
    public val steps: Int,
) {
    public val isGood: Boolean get() = rows.all { it.isGood }

    /** `GRAPH`: each graph alone on golden inputs; `LOOP`: all from the image on, where nothing is compressed. */
    public enum class Mode { GRAPH, LOOP }

    /** One tensor of one step: its largest difference over all golden images. */
    public class Row internal constructor(
        public val mode: Mode,
        public val step: Int,
        public val graph: String,
        public val tensor: String,
        /** relative to the tensor's largest golden value; of positions in pixels */
        public val difference: Double,
        public val allowed: Double,
    ) {
        public val isGood: Boolean get() = difference <= allowed // false for NaN

        override fun toString(): String = "step $step, $graph, $tensor: $difference, $allowed is allowed"
    }
}

internal fun verify(gfnet: GFNet, graphs: Graphs, bundle: Bundle): Verification {
    val golden = GoldenVectors(bundle)
    gfnet.reset()
    val rows = table(bundle, Verification.Mode.GRAPH, eachAlone(graphs, bundle, golden))
    val loop = wholeLoop(gfnet, bundle, golden)
    gfnet.reset()
    val followed = if (bundle.target.isExact) table(bundle, Verification.Mode.LOOP, loop.differences) else emptyList()
    return Verification(rows + followed, golden.count, loop.labels, loop.steps)
}

private class Output(val step: Int, val call: Call, val tensor: String)

private class Bound(val inputs: Map<String, TensorBuffer>, val outputs: Map<String, TensorBuffer>, val run: () -> Unit)

private class Loop(val differences: Differences, val labels: Int, val steps: Int)

private fun eachAlone(graphs: Graphs, bundle: Bundle, golden: GoldenVectors): Differences {
    val program = bundle.manifest
    val bound = program.calls.map { if (it.graph == CROP) null else alone(graphs, program, it) }
    val registers = GoldenRegisters(program, golden)
    val differences = Differences(bundle)
    for (image in 0 until golden.count) {
        registers.begin(image)
        val following = bound.iterator()
        for ((step, call) in numbered(program)) {
            val one = following.next()
            one?.inputs?.forEach { (tensor, buffer) ->
                buffer.bytes.duplicate().put(registers.values.getValue(call.inputs.getValue(tensor)).bytes.duplicate())
            }
            one?.run()
            registers.take(step, call)
            if (one != null) differences.take(step, call, one.outputs, registers.values)
        }
    }
    return differences
}

private fun alone(graphs: Graphs, program: Manifest, call: Call): Bound {
    fun fresh(names: Map<String, String>) =
        names.mapValues { program.registers.getValue(it.value).let { own -> TensorBuffer(own.dtype, own.shape) } }
    val inputs = fresh(call.inputs)
    val outputs = fresh(call.outputs)
    return Bound(inputs, outputs, graphs.bind(call.graph, inputs, outputs))
}

private fun wholeLoop(gfnet: GFNet, bundle: Bundle, golden: GoldenVectors): Loop {
    val program = bundle.manifest
    val goldenRule = program.rules.getValue(program.defaultRule)
    val own = bundle.target.rules[program.defaultRule] ?: goldenRule
    val registers = GoldenRegisters(program, golden)
    val differences = Differences(bundle)
    var labels = 0
    var steps = 0
    for (image in 0 until golden.count) {
        registers.begin(image)
        val found = mutableListOf<FloatArray>()
        val expected = mutableListOf<FloatArray>()
        for (step in gfnet.walk { put(golden.image(image), it) }) {
            val described = program.steps[step.index]
            described.calls.forEachIndexed { number, call ->
                registers.take(step.index, call)
                val later = described.calls.drop(number + 1).flatMap { it.outputs.values }
                val left = call.outputs.filterValues { it !in later }.mapValues { gfnet.register(it.value) }
                differences.take(step.index, call, left, registers.values)
            }
            found += step.logits
            expected += FloatArray(program.classes).also { values ->
                registers.values.getValue(described.logits).bytes.asFloatBuffer().get(values)
            }
        }
        if (largest(found.last()) == largest(expected.last())) labels++
        if (end(own, found) == end(goldenRule, expected)) steps++
    }
    return Loop(differences, labels, steps)
}

private fun numbered(program: Manifest): List<Pair<Int, Call>> =
    program.steps.flatMapIndexed { step, described -> described.calls.map { step to it } }

private fun largest(logits: FloatArray): Int = logits.indices.maxBy { logits[it] }

private fun end(rule: ExitRule, logits: List<FloatArray>): Int =
    logits.indices.first { shouldStop(rule, it, logits[it]) }

private fun table(bundle: Bundle, mode: Verification.Mode, differences: Differences): List<Verification.Row> {
    val exact = bundle.target.isExact
    return differences.all.map { (output, difference) ->
        val tolerance = bundle.target.graphs[output.call.graph]?.tolerance ?: 0.0
        val isPosition = differences.isPosition(output)
        val pixels = if (exact) 0.0 else max(1.0, tolerance * bundle.manifest.preprocessing.size)
        Verification.Row(
            mode = mode,
            step = output.step,
            graph = output.call.graph,
            tensor = output.tensor,
            difference = if (isPosition) difference.largest else difference.relative,
            allowed = if (isPosition) pixels else tolerance,
        )
    }
}

/** Of all outputs of all calls, in the order of the program. */
private class Differences(bundle: Bundle) {
    private val program = bundle.manifest
    private val exact = bundle.target.isExact
    private val found = LinkedHashMap<Triple<Int, String, String>, Pair<Output, Difference>>()

    val all: Collection<Pair<Output, Difference>> get() = found.values

    fun isPosition(output: Output): Boolean =
        program.registers.getValue(output.call.outputs.getValue(output.tensor)).dtype == Dtype.INT32

    /** Positions of compressed graphs may move; what was cut at another place is not compared then. */
    fun take(step: Int, call: Call, outputs: Map<String, TensorBuffer>, golden: Map<String, TensorBuffer>) {
        val place = program.steps[step].position
        val moved = !exact &&
            outputs.any { (tensor, buffer) ->
                call.outputs[tensor] == place && buffer.bytes != golden.getValue(place.orEmpty()).bytes
            }
        for ((tensor, buffer) in outputs) {
            val output = Output(step, call, tensor)
            if (moved && !isPosition(output)) continue
            val (_, difference) = found.getOrPut(Triple(step, call.graph, tensor)) { output to Difference() }
            difference.take(buffer, golden.getValue(call.outputs.getValue(tensor)))
        }
    }
}

private class Difference {
    var largest = 0.0
        private set
    private var scale = 0.0

    val relative: Double get() = largest / if (scale > 0) scale else 1.0

    fun take(found: TensorBuffer, golden: TensorBuffer) {
        for (index in 0 until elementsOf(golden.shape)) {
            val exact = valueOf(golden, index)
            val apart = abs(valueOf(found, index) - exact)
            if (!(apart <= largest) && !largest.isNaN()) largest = apart // NaN stays
            scale = max(scale, abs(exact))
        }
    }
}

private fun valueOf(buffer: TensorBuffer, index: Int): Double = when (buffer.dtype) {
    Dtype.FLOAT32 -> buffer.bytes.getFloat(index * Float.SIZE_BYTES).toDouble()
    Dtype.INT32 -> buffer.bytes.getInt(index * Int.SIZE_BYTES).toDouble()
    Dtype.FLOAT16 -> halfOf(buffer.bytes.getShort(index * Short.SIZE_BYTES).toInt())
}

/** IEEE's binary16: 1 bit sign, 5 bits exponent, 10 bits fraction. */
private fun halfOf(bits: Int): Double {
    val fraction = bits and 0x3FF
    val magnitude = when (val exponent = bits shr 10 and 0x1F) {
        0 -> fraction * 2.0.pow(-24)
        0x1F -> if (fraction == 0) Double.POSITIVE_INFINITY else Double.NaN
        else -> (0x400 + fraction) * 2.0.pow(exponent - 25)
    }
    return if (bits and 0x8000 == 0) magnitude else -magnitude
}
