package org.gfnetmobile.sample

import android.content.Context
import android.graphics.Bitmap
import android.graphics.Canvas
import android.graphics.Color
import android.graphics.Paint
import android.graphics.RectF
import android.view.View
import org.gfnetmobile.Region
import org.gfnetmobile.Step
import kotlin.math.min
import kotlin.math.roundToInt

/** A photo as large as the view lets it be, and on it a frame for each patch with what was known then. */
class StepsView(context: Context) : View(context) {
    private val density = resources.displayMetrics.density
    private val photo = Paint(Paint.FILTER_BITMAP_FLAG)
    private val frame = Paint(Paint.ANTI_ALIAS_FLAG)
    private val text = Paint(Paint.ANTI_ALIAS_FLAG)
    private val steps = mutableListOf<Step>()
    private var bitmap: Bitmap? = null

    init {
        frame.setStyle(Paint.Style.STROKE)
        frame.setStrokeWidth(3 * density)
        text.setTextSize(14 * density)
    }

    fun show(bitmap: Bitmap) {
        this.bitmap = bitmap
        steps.clear()
        invalidate()
    }

    fun add(step: Step) {
        steps += step
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val bitmap = bitmap ?: return
        val scale = min(width.toFloat() / bitmap.width, height.toFloat() / bitmap.height)
        val left = (width - scale * bitmap.width) / 2
        val top = (height - scale * bitmap.height) / 2
        canvas.drawBitmap(bitmap, null, RectF(left, top, width - left, height - top), photo)
        for (step in steps.filter { it.position != null }) {
            val colour = Color.HSVToColor(floatArrayOf(40f * step.index, 0.9f, 1f))
            frame.setColor(colour)
            text.setColor(colour)
            val box = placed(step.region, scale, left, top)
            canvas.drawRoundRect(box, 6 * density, 6 * density, frame)
            val words = "${step.index} · ${(step.confidence * 100).roundToInt()} %"
            canvas.drawText(words, box.left + 8 * density, box.top + 20 * density, text)
        }
    }

    private fun placed(region: Region, scale: Float, left: Float, top: Float): RectF {
        val x = left + scale * region.left.toFloat()
        val y = top + scale * region.top.toFloat()
        return RectF(x, y, x + scale * region.width.toFloat(), y + scale * region.height.toFloat())
    }
}
