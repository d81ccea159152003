package org.gfnetmobile

import java.nio.ByteBuffer

/** Graphs run by the runner's C++ core, on a desktop: ExecuTorch's Android library is built for phones only. */
internal class CoreEngine(bundle: Bundle) : Engine {
    private val handle = open(bundle.folder.path, 1)

    override fun bind(
        graph: String,
        inputs: Map<String, TensorBuffer>,
        outputs: Map<String, TensorBuffer>,
    ): () -> Unit {
        val taken = Described(inputs)
        val given = Described(outputs)
        val call =
            bind(
                handle, graph,
                taken.names, taken.dtypes, taken.shapes, taken.buffers,
                given.names, given.dtypes, given.shapes, given.buffers,
            )
        return { call(handle, call) }
    }

    override fun close() = close(handle)

    /** Tensors as the other side takes them. */
    private class Described(tensors: Map<String, TensorBuffer>) {
        val names = tensors.keys.toTypedArray()
        val dtypes = tensors.values.map { it.dtype.ordinal }.toIntArray()
        val shapes = tensors.values.map { it.shape.toIntArray() }.toTypedArray()
        val buffers = tensors.values.map { it.bytes }.toTypedArray()
    }

    private companion object {
        init {
            System.loadLibrary("gfnet_core_jni")
        }

        @JvmStatic
        external fun open(folder: String, threads: Int): Long

        @JvmStatic
        external fun bind(
            handle: Long,
            graph: String,
            inputNames: Array<String>,
            inputDtypes: IntArray,
            inputShapes: Array<IntArray>,
            inputBuffers: Array<ByteBuffer>,
            outputNames: Array<String>,
            outputDtypes: IntArray,
            outputShapes: Array<IntArray>,
            outputBuffers: Array<ByteBuffer>,
        ): Int

        @JvmStatic
        external fun call(handle: Long, call: Int)

        @JvmStatic
        external fun close(handle: Long)
    }
}
