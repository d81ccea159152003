package org.gfnetmobile

import android.graphics.Bitmap
import java.io.File
import kotlin.math.sqrt

/** `BUNDLE`: how the library behaves, one line for each thing that holds: its name. Anything else is a stack trace. */
fun main(arguments: Array<String>) {
    val bundle = File(arguments[0])
    for ((name, holds) in BEHAVIOUR) {
        GFNet.open(bundle).use(holds)
        println(name)
    }
}

private val BEHAVIOUR =
    mapOf<String, (GFNet) -> Unit>(
        "steps are computed when they are asked for" to { gfnet ->
            val before = gfnet.register("logits").bytes.getFloat(0)
            val steps = gfnet.steps(picture(1)).iterator()
            check(gfnet.register("logits").bytes.getFloat(0) == before)
            check(steps.next().index == 0)
            check(steps.next().position != null)
        },
        "an abandoned sequence leaves nothing behind for the next image" to { gfnet ->
            val whole = gfnet.steps(picture(1)).map { it.logits.toList() }.toList()
            gfnet.steps(picture(2)).take(2).toList()
            check(gfnet.steps(picture(1)).map { it.logits.toList() }.toList() == whole)
        },
        "another image ends the steps before" to { gfnet ->
            val first = gfnet.steps(picture(1)).iterator()
            first.next()
            val second = gfnet.steps(picture(2)).iterator()
            second.next()
            refused<IllegalStateException> { first.next() }
            check(second.next().index == 1)
        },
        "a sequence runs once" to { gfnet ->
            val steps = gfnet.steps(picture(1))
            steps.toList()
            refused<IllegalStateException> { steps.toList() }
        },
        "a picture that is refused ends the steps before" to { gfnet ->
            val steps = gfnet.steps(picture(1)).iterator()
            steps.next()
            refused<GFNetError> { gfnet.classify(picture(2, width = 1000, height = 2)) }
            refused<IllegalStateException> { steps.next() }
        },
        "reset ends the steps" to { gfnet ->
            val steps = gfnet.steps(picture(1)).iterator()
            steps.next()
            gfnet.reset()
            refused<IllegalStateException> { steps.next() }
        },
        "close ends the steps, and may come twice" to { gfnet ->
            val steps = gfnet.steps(picture(1)).iterator()
            steps.next()
            gfnet.close()
            gfnet.close()
            refused<IllegalStateException> { steps.next() }
            refused<IllegalStateException> { gfnet.classify(picture(1)) }
        },
        "limits end the sequence" to { gfnet ->
            val last = gfnet.classify(picture(1), threshold = 1.0).index
            check(last == 2)
            check(gfnet.classify(picture(1), threshold = 0.0).index == 0)
            check(gfnet.classify(picture(1), threshold = 1.0, maxSteps = 2).index == 1)
            check(gfnet.classify(picture(1), rule = "margin").index == last)
        },
        "the glance always runs, and a step that would come late does not" to { gfnet ->
            check(gfnet.classify(picture(1), threshold = 1.0, deadlineMs = 0.0).index == 0)
            val expected = listOf(0.0, 0.0, 1e9)
            check(gfnet.classify(picture(1), threshold = 1.0, deadlineMs = 1e8, expectedMs = expected).index == 1)
            check(gfnet.classify(picture(1), threshold = 1.0, deadlineMs = 1e8).index == 2)
        },
        "where no times are given for a deadline, the rule's own count" to { gfnet ->
            check(gfnet.classify(picture(1), rule = "margin").index == 2)
            check(gfnet.classify(picture(1), rule = "margin", deadlineMs = 1e8).index == 1)
            val expected = listOf(0.0, 0.0, 0.0)
            check(gfnet.classify(picture(1), rule = "margin", deadlineMs = 1e8, expectedMs = expected).index == 2)
        },
        "limits that cannot be are refused" to { gfnet ->
            refused<GFNetError> { gfnet.classify(picture(1), rule = "margin", threshold = 0.5) }
            refused<GFNetError> { gfnet.classify(picture(1), rule = "none") }
            refused<GFNetError> { gfnet.classify(picture(1), threshold = 1.5) }
            refused<GFNetError> { gfnet.classify(picture(1), threshold = Double.NaN) }
            refused<GFNetError> { gfnet.classify(picture(1), maxSteps = 0) }
            refused<GFNetError> { gfnet.classify(picture(1), deadlineMs = -1.0) }
            refused<GFNetError> { gfnet.classify(picture(1), deadlineMs = Double.NaN) }
        },
        "pictures that cannot be are refused" to { gfnet ->
            refused<GFNetError> { gfnet.classify(picture(1, width = 1000, height = 2)) }
            refused<GFNetError> { gfnet.classify(picture(1), orientation = 0) }
            refused<GFNetError> { gfnet.classify(picture(1), orientation = 9) }
        },
        "logits that are not finite are an error" to { gfnet ->
            val broken = gfnet.walk { image -> put(image, Float.NaN) }
            refused<GFNetError> { broken.first() }
        },
        "a position outside the image is an error" to {
            val image = TensorBuffer(Dtype.FLOAT32, listOf(1, 1, 3, 3))
            val patch = TensorBuffer(Dtype.FLOAT32, listOf(1, 1, 2, 2))
            val position = TensorBuffer(Dtype.INT32, listOf(1, 2))
            for (place in 0 until 9) image.bytes.putFloat(4 * place, place.toFloat())
            val crop = bindCrop(mapOf("image" to image, "position" to position), mapOf("patch" to patch))
            position.bytes.putInt(0, 1)
            crop()
            check(List(4) { patch.bytes.getFloat(4 * it) } == listOf(3f, 4f, 6f, 7f))
            for (row in listOf(-1, 2, Int.MAX_VALUE)) {
                position.bytes.putInt(0, row)
                refused<GFNetError> { crop() }
            }
        },
        "an error is one short line" to {
            val message = GFNetError("a\nb" + "c".repeat(10_000)).message.orEmpty()
            check(message.startsWith("a bc") && message.length == 600)
        },
    )

/** Noise of its own for each [seed]. */
private fun picture(seed: Int, width: Int = 30, height: Int = 20): Bitmap {
    val colours = IntArray(width * height) { 0xFF000000.toInt() or (sqrt(1.0 + it * seed) * 1e6).toInt() }
    return Bitmap.createBitmap(colours, width, height, Bitmap.Config.ARGB_8888)
}

private fun put(image: TensorBuffer, value: Float): Prepared {
    for (place in 0 until elementsOf(image.shape)) image.bytes.putFloat(Float.SIZE_BYTES * place, value)
    return Prepared(image.shape[3], 1.0, 1.0, 0.0, 0.0)
}

private inline fun <reified T : Exception> refused(work: () -> Unit) {
    try {
        work()
    } catch (error: Exception) {
        if (error is T) return
        throw error
    }
    error("nothing was refused")
}
