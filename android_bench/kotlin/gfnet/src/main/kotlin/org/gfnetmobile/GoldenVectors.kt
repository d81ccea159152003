package org.gfnetmobile

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import java.io.IOException
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.channels.FileChannel

private const val LENGTH = Long.SIZE_BYTES // bytes before a safetensors header, which hold its length
private const val LARGEST_HEADER = 1L shl 24 // bytes
private val SAFETENSORS = mapOf("uint8" to "U8", "float32" to "F32", "float16" to "F16", "int32" to "I32")

/**
 * Some images, and what the eager model gave for them, call by call: docs/bundle.md explains the file. Throws
 * [GFNetError] unless it is the one that was exported, and holds what the program needs.
 */
internal class GoldenVectors(bundle: Bundle) {
    private val program = bundle.manifest
    private val file = bundle.file(program.golden.path)
    private val body: ByteBuffer
    private val header: JsonObject
    val count: Int = program.golden.count

    init {
        if (!file.isFile) throw GFNetError("$file: is missing; golden vectors may be left out of an app, but not here")
        checkFile(bundle, program.golden.path, program.files.getValue(program.golden.path))
        try {
            val content = FileChannel.open(file.toPath()).use { it.map(FileChannel.MapMode.READ_ONLY, 0, it.size()) }
            content.order(ByteOrder.LITTLE_ENDIAN)
            val length = if (content.capacity() < LENGTH) -1 else content.getLong(0)
            val most = minOf(LARGEST_HEADER, content.capacity() - LENGTH.toLong())
            if (length !in 0..most) broken("is no safetensors file")
            val text = ByteArray(length.toInt())
            content.position(LENGTH)
            content.get(text)
            body = content.slice()
            header = parseJson(text.decodeToString()) as? JsonObject ?: broken("is no safetensors file")
        } catch (error: GFNetError) {
            throw GFNetError("$file: ${error.message?.removePrefix("$file: ")}", error)
        } catch (error: IOException) {
            throw GFNetError("$file: cannot be read: ${error.message}", error)
        }
    }

    /** uint8 `[S, S, 3]` */
    fun image(index: Int): ByteBuffer {
        val side = program.preprocessing.size
        return row("images", "uint8", listOf(side, side, 3), 1, index)
    }

    /** Copies what a call of a step gave for one image to [buffer]. */
    fun copy(image: Int, step: Int, graph: String, tensor: String, buffer: TensorBuffer) {
        val dtype = buffer.dtype.name.lowercase()
        val values = row("$step.$graph.$tensor", dtype, buffer.shape.drop(1), buffer.dtype.bytes, image)
        buffer.bytes.duplicate().put(values)
    }

    /** One image's values of a tensor [[count], …], whose extents after the first are [shape]. */
    private fun row(name: String, dtype: String, shape: List<Int>, size: Int, image: Int): ByteBuffer {
        val entry = header[name] as? JsonObject
        val extents = integers(entry?.get("shape"))
        val place = integers(entry?.get("data_offsets"))
        val bytes = shape.fold(size.toLong()) { product, extent -> product * extent }
        val fits = (entry?.get("dtype") as? JsonPrimitive)?.content == SAFETENSORS[dtype] &&
            extents == (listOf(count) + shape).map(Int::toLong) &&
            place.size == 2 && place[0] >= 0 && place[1] - place[0] == bytes * count && place[1] <= body.capacity()
        if (!fits) broken("tensor '$name' must be there as $dtype ${listOf(count) + shape}")
        val start = (place[0] + image * bytes).toInt()
        return body.duplicate().position(start).limit(start + bytes.toInt()).let { (it as ByteBuffer).slice() }
    }

    private fun integers(value: JsonElement?): List<Long> =
        (value as? JsonArray)?.map { integerOf(it)?.toLong() ?: broken("is no safetensors file") }.orEmpty()

    private fun broken(problem: String): Nothing = throw GFNetError("$file: $problem")
}

/** Registers as the golden vectors have them while one walks the program: what each call was given. */
internal class GoldenRegisters(private val program: Manifest, private val golden: GoldenVectors) {
    private var image = 0
    val values: Map<String, TensorBuffer> = program.registers.mapValues { TensorBuffer(it.value.dtype, it.value.shape) }

    /** To the start of an image: streams keep what the image before left. */
    fun begin(image: Int) {
        this.image = image
        for ((name, value) in values) if (image == 0 || !program.registers.getValue(name).isStream) value.fillZeros()
        put(golden.image(image), values.getValue(program.image))
    }

    /** What the call of this step left in its registers. */
    fun take(step: Int, call: Call) {
        for ((tensor, name) in call.outputs) golden.copy(image, step, call.graph, tensor, values.getValue(name))
    }
}
