"""Operators that make tensors, mask them, or map them to integers and back."""

import math

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.sizes import axis_of, bounded
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def fill(shape: Tensor, value: Tensor | float = 0.0) -> Tensor:
    return torch.as_tensor(value).expand(bounded(*shape.tolist())).clone()


@operator
def fill_like(ref_tensor: Tensor, value: Tensor | float = 0.0) -> Tensor:
    return torch.as_tensor(value).expand(ref_tensor.shape).clone()


@operator
def range_1d(start: Tensor, end: Tensor, step: Tensor) -> Tensor:
    first, last, each = start.item(), end.item(), step.item()
    bounded(max(0, math.ceil((last - first) / each)))
    return torch.arange(first, last, each).to(start.dtype)


@operator
def one_hot(
    indices: Tensor,
    one_hot_vector_size: Tensor,
    axis: Tensor | int = -1,
    on_value: Tensor | int = 1,
    off_value: Tensor | int = 0,
) -> Tensor:
    """``on_value`` where the place along a new axis is the index; nowhere for an index outside."""
    place = torch.arange(bounded(*indices.shape, int(one_hot_vector_size))[-1])
    hot = indices.long()[..., None] == place
    on, off = (
        value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.int32)
        for value in (on_value, off_value)
    )
    return torch.where(hot, on, off).movedim(-1, int(axis))


@operator
def band_part(x: Tensor, lower: Tensor | int = -1, upper: Tensor | int = -1) -> Tensor:
    """So many diagonals below and above the main one; all of them for -1."""
    height, width = x.shape[-2:]
    below = height if int(lower) < 0 else int(lower)
    above = width if int(upper) < 0 else int(upper)
    return x.triu(-below).tril(above)


@operator
def quantize(
    input: Tensor, scale: Tensor, output_dtype: str, zero_point: Tensor | None = None, axis: Tensor | None = None
) -> Tensor:
    dtype = {"int8": torch.int8, "uint8": torch.uint8}[output_dtype]
    codes = (input / _along(scale, input, axis)).round()
    codes = codes if zero_point is None else codes + _along(zero_point, input, axis)
    return codes.clamp(torch.iinfo(dtype).min, torch.iinfo(dtype).max).to(dtype)


@operator
def dequantize(input: Tensor, scale: Tensor, zero_point: Tensor | None = None, axis: Tensor | None = None) -> Tensor:
    codes = input.to(scale.dtype)
    codes = codes if zero_point is None else codes - _along(zero_point.to(scale.dtype), input, axis)
    return codes * _along(scale, input, axis)


def _along(values: Tensor, x: Tensor, axis: Tensor | None) -> Tensor:
    """A scalar, or one value for each place of ``axis``."""
    if not values.ndim:
        return values
    if axis is None:
        raise ValueError("a vector needs an 'axis'")
    at = axis_of(int(axis), x.ndim)
    return values.reshape([-1 if number == at else 1 for number in range(x.ndim)])


@operator
def classify(probabilities: Tensor, classes: tuple[str | int, ...]) -> tuple[str | int, dict[str | int, float]]:
    """The likeliest label, and the probability of each."""
    values = probabilities.flatten().tolist()
    if len(values) != len(classes):
        raise ValueError(f"{len(values)} probabilities for {len(classes)} classes")
    return classes[values.index(max(values))], dict(zip(classes, values, strict=True))
