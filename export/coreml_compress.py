"""How a Core ML graph is stored in fewer bytes: float16 arithmetic, and weights as 8-bit integers or palettes.

Source: coremltools' guide to ``ct.optimize.coreml``. All forms need no data.
"""

from typing import Any

import coremltools as ct
from coremltools.optimize import coreml as optimize

from gfnet_mobile.bundle.manifest import Compression

PALETTE_BITS = {"palette4": 4, "palette6": 6, "palette8": 8}
COMPRESSIONS: tuple[Compression, ...] = ("none", "fp16", "int8", "palette4", "palette6", "palette8")

SMALLEST = 2048
"""elements; smaller weights stay float16: a palette would be as large as what it saves"""

_EXACT = ("transpose", "linear", "sigmoid", "mul", "floor", "slice_by_size")
"""what a policy's position passes through on its way from the actor, whose weights are transposed while converting:
rounded, one patch in 25 moves by a pixel; and what an image does on its way from a pixel buffer"""


def arithmetic(compression: Compression) -> Any:
    """The compute precision to convert with."""
    if compression == "none":
        return ct.precision.FLOAT32
    return ct.transform.FP16ComputePrecision(op_selector=_may_be_rounded)


def compressed(model: ct.models.MLModel, compression: Compression) -> ct.models.MLModel:
    """``model`` with its weights in that form."""
    if compression == "int8":
        config = optimize.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=SMALLEST)
        return optimize.linear_quantize_weights(model, optimize.OptimizationConfig(global_config=config))
    if compression in PALETTE_BITS:
        bits = PALETTE_BITS[compression]
        palette = optimize.OpPalettizerConfig(mode="kmeans", nbits=bits, weight_threshold=SMALLEST)
        return optimize.palettize_weights(model, optimize.OptimizationConfig(global_config=palette))
    return model


def _may_be_rounded(operation: Any) -> bool:
    """Not a position's way, nor the image that a patch is cut out of, nor a map whose largest value is looked for."""
    if _leads_to_patch(operation):
        return False
    return all(other.op_type != "reduce_argmax" for other in operation.enclosing_block.operations)


def _leads_to_patch(operation: Any) -> bool:
    if operation.op_type not in _EXACT:
        return False
    following = (child for output in operation.outputs for child in output.child_ops)
    return operation.op_type in ("floor", "slice_by_size") or any(_leads_to_patch(child) for child in following)
