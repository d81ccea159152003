"""Operators with weights or windows: convolution, products, pooling, normalisation, resampling."""

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.table import operator


@operator
def conv(
    x: Tensor,
    weight: Tensor,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    dilations: Tensor | None = None,
    groups: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    """``x`` [B, C, *D], ``weight`` [O, C / groups, *K]; ``pad`` is before and after each axis in turn."""
    axes = x.ndim - 2
    steps = [1] * axes if strides is None else strides.tolist()
    apart = [1] * axes if dilations is None else dilations.tolist()
    kernel = [apart[axis] * (weight.shape[2 + axis] - 1) + 1 for axis in range(axes)]
    padded = functional.pad(x, _padding(x, kernel, steps, pad_type, pad))
    function = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}[axes]
    return function(padded, weight, bias, steps, 0, apart, 1 if groups is None else int(groups))


@operator
def max_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    ceil_mode: Tensor | bool = False,
) -> Tensor:
    kernel, steps, padding = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    return functional.max_pool2d(functional.pad(x, padding, value=-torch.inf), kernel, steps)


@operator
def avg_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    exclude_padding_from_average: Tensor | bool = False,
    ceil_mode: Tensor | bool = False,
) -> Tensor:
    kernel, steps, padding = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    total = functional.avg_pool2d(functional.pad(x, padding), kernel, steps)
    if not bool(exclude_padding_from_average):
        return total
    return total / functional.avg_pool2d(functional.pad(torch.ones_like(x), padding), kernel, steps)


@operator
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return functional.linear(x, weight, bias)


@operator
def matmul(x: Tensor, y: Tensor, transpose_x: Tensor | bool = False, transpose_y: Tensor | bool = False) -> Tensor:
    return (x.mT if bool(transpose_x) else x) @ (y.mT if bool(transpose_y) else y)


@operator
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: Tensor | float = 1e-5,
) -> Tensor:
    return functional.batch_norm(x, mean, variance, gamma, beta, eps=float(epsilon))


@operator
def softmax(x: Tensor, axis: Tensor | int = -1) -> Tensor:
    return x.softmax(int(axis))


@operator
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor | float = 1,
    scale_factor_width: Tensor | float = 1,
    align_corners: Tensor | bool = True,
    half_pixel_centers: Tensor | bool | None = None,
) -> Tensor:
    """Scales are floats; the size is their product with the input's, rounded down."""
    corners = bool(align_corners)
    _refuse(half_pixel_centers is not None and bool(half_pixel_centers) == corners, "half_pixel_centers")
    factors = (float(scale_factor_height), float(scale_factor_width))
    size = [int(extent * factor + 1e-3) for extent, factor in zip(x.shape[2:], factors, strict=True)]
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=corners)


def _windows(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor | None,
    pad_type: str,
    pad: Tensor | None,
    ceil_mode: Tensor | bool,
) -> tuple[list[int], list[int], list[int]]:
    """Kernel, strides and padding of a pooling operator."""
    _refuse(bool(ceil_mode), "ceil_mode")
    kernel, steps = kernel_sizes.tolist(), [1] * len(kernel_sizes) if strides is None else strides.tolist()
    return kernel, steps, _padding(x, kernel, steps, pad_type, pad)


def _padding(x: Tensor, kernel: list[int], strides: list[int], pad_type: str, pad: Tensor | None) -> list[int]:
    """In torch's order: last axis first, before and after."""
    if pad_type == "valid":
        pairs = [(0, 0)] * len(kernel)
    elif pad_type == "custom":
        flat = [0] * (2 * len(kernel)) if pad is None else pad.tolist()
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
    elif pad_type in ("same", "same_lower"):
        pairs = []
        for extent, size, step in zip(x.shape[2:], kernel, strides, strict=True):
            total = max(0, (-(-extent // step) - 1) * step + size - extent)
            pairs.append((total // 2, total - total // 2) if pad_type == "same" else (total - total // 2, total // 2))
    else:
        raise ValueError(f"pad_type {pad_type!r}")
    return [side for pair in reversed(pairs) for side in pair]


def _refuse(set_: bool, argument: str) -> None:
    if set_:
        raise ValueError(f"this value of {argument!r} is not understood")
