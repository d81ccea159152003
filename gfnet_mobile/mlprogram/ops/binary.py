"""Operators on two tensors, element by element; shapes broadcast as numpy's do."""

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.table import operator


@operator
def add(x: Tensor, y: Tensor) -> Tensor:
    return x + y


@operator
def sub(x: Tensor, y: Tensor) -> Tensor:
    return x - y


@operator
def mul(x: Tensor, y: Tensor) -> Tensor:
    return x * y


@operator
def maximum(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x, y)


@operator
def minimum(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(x, y)


@operator
def mod(x: Tensor, y: Tensor) -> Tensor:
    """Of the sign of ``y``."""
    return torch.remainder(x, y)


@operator
def pow(x: Tensor, y: Tensor) -> Tensor:
    return x**y


@operator
def equal(x: Tensor, y: Tensor) -> Tensor:
    return x == y


@operator
def not_equal(x: Tensor, y: Tensor) -> Tensor:
    return x != y


@operator
def greater(x: Tensor, y: Tensor) -> Tensor:
    return x > y


@operator
def greater_equal(x: Tensor, y: Tensor) -> Tensor:
    return x >= y


@operator
def less(x: Tensor, y: Tensor) -> Tensor:
    return x < y


@operator
def less_equal(x: Tensor, y: Tensor) -> Tensor:
    return x <= y


@operator
def logical_and(x: Tensor, y: Tensor) -> Tensor:
    return x & y


@operator
def logical_or(x: Tensor, y: Tensor) -> Tensor:
    return x | y


@operator
def logical_xor(x: Tensor, y: Tensor) -> Tensor:
    return x ^ y


@operator
def real_div(x: Tensor, y: Tensor) -> Tensor:
    """Integers are divided towards zero."""
    if x.is_floating_point():
        return x / y
    return torch.div(x.long(), y.long(), rounding_mode="trunc").to(x.dtype)  # the least by -1 would end the process


@operator
def floor_div(x: Tensor, y: Tensor) -> Tensor:
    return torch.div(x, y, rounding_mode="floor")


@operator
def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(cond, a, b)
