package org.gfnetmobile.sample

import android.app.Activity
import android.content.Intent
import android.graphics.Bitmap
import android.graphics.ImageDecoder
import android.net.Uri
import android.os.Bundle
import android.view.ViewGroup.LayoutParams.MATCH_PARENT
import android.view.ViewGroup.LayoutParams.WRAP_CONTENT
import android.widget.Button
import android.widget.LinearLayout
import android.widget.TextView
import org.gfnetmobile.GFNet
import org.gfnetmobile.GFNetError
import org.gfnetmobile.Step
import org.gfnetmobile.copyBundle
import java.io.IOException
import java.util.concurrent.Executors
import kotlin.math.min
import kotlin.math.roundToInt

private const val BUNDLE = "demo.gfnet" // a folder of the app's assets
private const val CHOOSE = 1
private const val SHORT_SIDE = 1000 // pixels; a photo is decoded no larger than needed

/** Choose a photo, and watch where the network looks and how sure it gets. */
class MainActivity : Activity() {
    private val worker = Executors.newSingleThreadExecutor() // a GFNet takes one thread at a time
    private var gfnet: GFNet? = null // the worker's
    private lateinit var photo: StepsView
    private lateinit var answers: TextView

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        photo = StepsView(this)
        answers = TextView(this)
        val choose = Button(this)
        choose.text = "Choose a photo"
        choose.setOnClickListener {
            val intent = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType("image/*")
            startActivityForResult(intent, CHOOSE)
        }
        val column = LinearLayout(this)
        column.orientation = LinearLayout.VERTICAL
        column.fitsSystemWindows = true
        column.addView(photo, LinearLayout.LayoutParams(MATCH_PARENT, 0, 1f))
        column.addView(answers, LinearLayout.LayoutParams(MATCH_PARENT, WRAP_CONTENT, 0f))
        column.addView(choose, LinearLayout.LayoutParams(MATCH_PARENT, WRAP_CONTENT, 0f))
        setContentView(column)
    }

    override fun onActivityResult(requestCode: Int, resultCode: Int, data: Intent?) {
        val uri = data?.data
        if (requestCode == CHOOSE && resultCode == RESULT_OK && uri != null) worker.execute { look(uri) }
    }

    override fun onDestroy() {
        worker.execute { gfnet?.close() }
        worker.shutdown()
        super.onDestroy()
    }

    private fun look(uri: Uri) {
        try {
            val network = gfnet ?: GFNet.open(copyBundle(this, BUNDLE)).also { gfnet = it }
            val bitmap = decode(uri)
            runOnUiThread {
                answers.text = ""
                photo.show(bitmap)
            }
            for (step in network.steps(bitmap)) {
                runOnUiThread {
                    photo.add(step)
                    answers.append(lineOf(step))
                }
            }
        } catch (error: GFNetError) {
            runOnUiThread { answers.text = error.message }
        } catch (error: IOException) {
            runOnUiThread { answers.text = error.message }
        }
    }

    /** Upright, and with pixels that can be read. */
    private fun decode(uri: Uri): Bitmap =
        ImageDecoder.decodeBitmap(ImageDecoder.createSource(contentResolver, uri)) { decoder, info, _ ->
            decoder.setAllocator(ImageDecoder.ALLOCATOR_SOFTWARE)
            decoder.setTargetSampleSize((min(info.size.width, info.size.height) / SHORT_SIDE).coerceAtLeast(1))
        }
}

private fun lineOf(step: Step): String {
    val answer = step.name ?: "class ${step.label}"
    val look = if (step.index == 0) "glance" else "look ${step.index}"
    return "$look: $answer, ${(step.confidence * 100).roundToInt()} %, ${step.elapsedMs.roundToInt()} ms\n"
}
