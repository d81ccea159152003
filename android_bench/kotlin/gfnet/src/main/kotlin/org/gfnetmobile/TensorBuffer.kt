package org.gfnetmobile

import java.nio.ByteBuffer
import java.nio.ByteOrder

internal enum class Dtype(val bytes: Int) {
    FLOAT32(4),
    FLOAT16(2),
    INT32(4),
}

/** A tensor's values in memory that graphs read and write themselves: direct, in the machine's byte order. */
internal class TensorBuffer(val dtype: Dtype, val shape: List<Int>) {
    /** Its position stays 0: a view made of it covers all values. */
    val bytes: ByteBuffer = ByteBuffer.allocateDirect(elementsOf(shape) * dtype.bytes).order(ByteOrder.nativeOrder())

    fun fillZeros() {
        for (index in 0 until bytes.capacity()) bytes.put(index, 0)
    }
}

internal fun elementsOf(shape: List<Int>): Int = shape.fold(1) { product, extent -> product * extent }
