"""Convolution and its transpose, over one to three axes."""

from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.padding import flat, padded, padding, pairs, steps_of
from gfnet_mobile.mlprogram.ops.sizes import bounded
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def conv(
    x: Tensor,
    weight: Tensor,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    dilations: Tensor | None = None,
    groups: Tensor | int = 1,
    bias: Tensor | None = None,
) -> Tensor:
    """``x`` [B, C, *D], ``weight`` [O, C / groups, *K]; ``pad`` is before and after each axis in turn."""
    axes = x.ndim - 2
    steps, apart = steps_of(strides, axes), steps_of(dilations, axes)
    whole = padded(x, padding(x, _reach(weight, apart), steps, pad_type, pad))
    function = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[axes]
    return function(whole, weight, bias, steps, 0, apart, _positive(groups))


@operator
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    pad: Tensor | None = None,
    output_shape: Tensor | None = None,
    pad_type: str = "valid",
    strides: Tensor | None = None,
    dilations: Tensor | None = None,
    groups: Tensor | int = 1,
) -> Tensor:
    """``x`` [B, C, *D], ``weight`` [C, O / groups, *K]. All that the kernels reach, cut by the padding; where
    ``output_shape`` reaches further there is nothing but the bias."""
    axes = x.ndim - 2
    steps, apart = steps_of(strides, axes), steps_of(dilations, axes)
    sizes = zip(x.shape[2:], steps, _reach(weight, apart), strict=True)
    bounded(
        len(x), weight.shape[1] * _positive(groups), *((extent - 1) * step + reach for extent, step, reach in sizes)
    )
    functions = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}
    whole = functions[axes](x, weight, None, steps, 0, 0, _positive(groups), apart)
    if pad_type == "valid":
        cut = [(0, 0)] * axes
    elif pad_type == "custom":
        cut = pairs(pad, axes)
    elif pad_type in ("same", "same_lower"):
        cut = []
        for size, step in zip(_reach(weight, apart), steps, strict=True):
            less, more = (size - step) // 2, (size - step + 1) // 2
            cut.append((less, more) if pad_type == "same" else (more, less))
    else:
        raise ValueError(f"pad_type {pad_type!r}")
    if output_shape is not None:
        wanted = bounded(*output_shape.tolist())[2:]
        rows = zip(whole.shape[2:], wanted, cut, strict=True)
        cut = [(before, extent - before - size) for extent, size, (before, _) in rows]
    found = functional.pad(whole, [-side for side in flat(cut)])
    return found if bias is None else found + bias.reshape(-1, *[1] * axes)


def _positive(groups: Tensor | int) -> int:
    """ValueError for any other number."""
    if int(groups) < 1:
        raise ValueError(f"{int(groups)} groups")
    return int(groups)


def _reach(weight: Tensor, dilations: list[int]) -> list[int]:
    """Extents of a kernel with its gaps."""
    return [apart * (size - 1) + 1 for apart, size in zip(dilations, weight.shape[2:], strict=True)]
