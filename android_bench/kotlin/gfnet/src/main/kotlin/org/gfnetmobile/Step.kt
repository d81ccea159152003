package org.gfnetmobile

/** What is known after one step. */
public class Step internal constructor(
    /** 0 is the glance */
    public val index: Int,
    /** `[K]` */
    public val logits: FloatArray,
    /** `[K]` */
    public val probabilities: FloatArray,
    /** the largest probability */
    public val confidence: Float,
    /** class index */
    public val label: Int,
    /** text of the class, if the bundle has labels */
    public val name: String?,
    /** of the patch in the S x S image; none at the glance */
    public val position: Position?,
    /** side of the patch, pixels */
    public val patchSize: Int?,
    /** what was looked at, in the upright source picture */
    public val region: Region,
    /** work of this and earlier steps, without the caller's time in between */
    public val elapsedMs: Double,
)

/** Row and column of a patch's top-left pixel. */
public data class Position(val row: Int, val column: Int)

/** A rectangle in the upright source picture, in its pixels. */
public data class Region(val top: Double, val left: Double, val height: Double, val width: Double)
