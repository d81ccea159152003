package org.gfnetmobile

import org.pytorch.executorch.DType
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor
import java.nio.Buffer
import java.nio.FloatBuffer
import java.nio.IntBuffer
import java.nio.ShortBuffer

/**
 * A bundle's graphs, loaded by ExecuTorch's Android library. Inputs are read where they are; outputs are its own
 * tensors, copied into ours. Its classes allocate an array and a few small objects a call; the values lie outside
 * Java's heap.
 *
 * Throws [GFNetError] for files that it cannot load.
 */
internal class Graphs(private val bundle: Bundle, threads: Int) : AutoCloseable {
    private val modules = HashMap<String, Module>() // by path: several methods may lie in one file

    init {
        for (file in bundle.target.graphs.values) {
            val path = bundle.file(file.path).path
            try {
                val module = modules.getOrPut(file.path) { Module.load(path, Module.LOAD_MODE_MMAP, threads) }
                module.loadMethod(file.entry)
            } catch (error: RuntimeException) {
                close()
                throw GFNetError("$path: ExecuTorch cannot load method '${file.entry}': ${error.message}", error)
            }
        }
    }

    /**
     * Binds a graph's tensors to memory: each call of what it returns reads all inputs, then writes the outputs, so a
     * buffer may be both. Such a call throws [GFNetError] where it fails, and where the file takes or gives other tensors.
     */
    fun bind(graph: String, inputs: Map<String, TensorBuffer>, outputs: Map<String, TensorBuffer>): () -> Unit {
        val file = bundle.target.graphs.getValue(graph)
        val module = modules.getValue(file.path)
        val arguments = file.inputs.map { EValue.from(tensorOver(inputs.getValue(it))) }.toTypedArray()
        val results = file.outputs.map { Result(graph, it, outputs.getValue(it)) }
        return {
            val values =
                try {
                    module.execute(file.entry, *arguments)
                } catch (error: RuntimeException) {
                    throw GFNetError("graph '$graph': ExecuTorch gave up: ${error.message}", error)
                }
            if (values.size != results.size) {
                throw GFNetError("graph '$graph': the file has ${values.size} outputs, the manifest ${results.size}")
            }
            for (index in values.indices) results[index].take(values[index].toTensor())
        }
    }

    override fun close() {
        modules.values.forEach { it.close() }
        modules.clear()
    }
}

/** Where an output goes. */
private class Result(private val graph: String, private val tensor: String, private val to: TensorBuffer) {
    private val shape = extents(to)
    private val dtype = DTYPES.getValue(to.dtype)
    private val values = valuesOf(to)

    fun take(found: Tensor) {
        if (found.dtype() != dtype || !found.shape().contentEquals(shape)) {
            val other = "${found.dtype()} ${found.shape().contentToString()}"
            throw GFNetError("graph '$graph': output '$tensor' is $other, not $dtype ${shape.contentToString()}")
        }
        values.clear()
        when (values) {
            is FloatBuffer -> found.copyDataInto(values)
            is IntBuffer -> found.copyDataInto(values)
            is ShortBuffer -> found.copyDataInto(values)
        }
    }
}

private val DTYPES = mapOf(Dtype.FLOAT32 to DType.FLOAT, Dtype.FLOAT16 to DType.HALF, Dtype.INT32 to DType.INT32)

private fun extents(buffer: TensorBuffer) = LongArray(buffer.shape.size) { buffer.shape[it].toLong() }

private fun valuesOf(buffer: TensorBuffer): Buffer = when (buffer.dtype) {
    Dtype.FLOAT32 -> buffer.bytes.asFloatBuffer()
    Dtype.INT32 -> buffer.bytes.asIntBuffer()
    Dtype.FLOAT16 -> buffer.bytes.asShortBuffer()
}

private fun tensorOver(buffer: TensorBuffer): Tensor = when (val values = valuesOf(buffer)) {
    is FloatBuffer -> Tensor.fromBlob(values, extents(buffer))
    is IntBuffer -> Tensor.fromBlob(values, extents(buffer))
    else -> Tensor.fromBlob(values as ShortBuffer, extents(buffer))
}
