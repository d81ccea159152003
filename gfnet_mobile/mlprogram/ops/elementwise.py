"""Operators that work on each element alone, activations among them."""

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.table import operator

_TYPES = {"fp32": torch.float32, "fp16": torch.float16, "int32": torch.int32, "bool": torch.bool}


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
def real_div(x: Tensor, y: Tensor) -> Tensor:
    return x / y


@operator
def floor(x: Tensor) -> Tensor:
    return x.floor()


@operator
def clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return x.clamp(alpha, beta)


@operator
def relu(x: Tensor) -> Tensor:
    return x.relu()


@operator
def relu6(x: Tensor) -> Tensor:
    return x.clamp(0, 6)


@operator
def sigmoid(x: Tensor) -> Tensor:
    return x.sigmoid()


@operator
def sigmoid_hard(x: Tensor, alpha: Tensor | float = 0.2, beta: Tensor | float = 0.5) -> Tensor:
    return (x * alpha + beta).clamp(0, 1)


@operator
def silu(x: Tensor) -> Tensor:
    return x * x.sigmoid()


@operator
def tanh(x: Tensor) -> Tensor:
    return x.tanh()


@operator
def cast(x: Tensor, dtype: str) -> Tensor:
    """Towards zero, as C does it. KeyError for a type that is not listed here."""
    return x.to(_TYPES[dtype])


@operator
def equal(x: Tensor, y: Tensor) -> Tensor:
    return x == y


@operator
def greater_equal(x: Tensor, y: Tensor) -> Tensor:
    return x >= y


@operator
def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(cond, a, b)
