"""Pooling over one to three axes."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.padding import Pairs, padded, padding, steps_of
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def max_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    ceil_mode: Tensor | bool = False,
) -> Tensor:
    kernel, steps, sides, over = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    function = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}[len(kernel)]
    return function(padded(padded(x, sides, -torch.inf), over, -torch.inf), kernel, steps)


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
    """What ``ceil_mode`` adds at the end never counts."""
    kernel, steps, sides, over = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    total = _mean(padded(padded(x, sides), over), kernel, steps)
    exclude = bool(exclude_padding_from_average)
    if not any(map(any, over)) and not (exclude and any(map(any, sides))):
        return total
    counts = padded(torch.ones_like(x[:1, :1]), sides, 0.0 if exclude else 1.0)
    return total / _mean(padded(counts, over), kernel, steps)


@operator
def l2_pool(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor | None = None,
    pad_type: str = "valid",
    pad: Tensor | None = None,
    ceil_mode: Tensor | bool = False,
) -> Tensor:
    """Root of the sum of squares."""
    kernel, steps, sides, over = _windows(x, kernel_sizes, strides, pad_type, pad, ceil_mode)
    squares = padded(padded(x * x, sides), over)
    return (_mean(squares, kernel, steps) * math.prod(kernel)).sqrt()


def _mean(x: Tensor, kernel: list[int], steps: list[int]) -> Tensor:
    function = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}[len(kernel)]
    return function(x, kernel, steps)


def _windows(
    x: Tensor,
    kernel_sizes: Tensor,
    strides: Tensor | None,
    pad_type: str,
    pad: Tensor | None,
    ceil_mode: Tensor | bool,
) -> tuple[list[int], list[int], Pairs, Pairs]:
    """Kernel, strides, padding, and what ``ceil_mode`` adds to it. A last window must begin before the padding that
    follows the tensor."""
    kernel = steps_of(kernel_sizes, x.ndim - 2)
    steps = steps_of(strides, len(kernel))
    sides = padding(x, kernel, steps, pad_type, pad)
    over = []
    for extent, size, step, (before, after) in zip(x.shape[2:], kernel, steps, sides, strict=True):
        room = extent + before + after - size
        count = -(-room // step) if bool(ceil_mode) else room // step
        if count * step >= extent + before:
            count -= 1
        over.append((0, max(0, count * step - room)))
    return kernel, steps, sides, over
