"""Operators on each element alone."""

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.table import operator

TYPES = {
    "fp16": torch.float16, "fp32": torch.float32, "bool": torch.bool, "int8": torch.int8, "uint8": torch.uint8,
    "int16": torch.int16, "uint16": torch.uint16, "int32": torch.int32,
}  # fmt: skip
"""Apple's names of types"""


@operator
def abs(x: Tensor) -> Tensor:
    return x.abs()


@operator
def acos(x: Tensor) -> Tensor:
    return x.acos()


@operator
def asin(x: Tensor) -> Tensor:
    return x.asin()


@operator
def atan(x: Tensor) -> Tensor:
    return x.atan()


@operator
def atanh(x: Tensor) -> Tensor:
    return x.atanh()


@operator
def ceil(x: Tensor) -> Tensor:
    return x.ceil()


@operator
def cos(x: Tensor) -> Tensor:
    return x.cos()


@operator
def cosh(x: Tensor) -> Tensor:
    return x.cosh()


@operator
def erf(x: Tensor) -> Tensor:
    return x.erf()


@operator
def exp(x: Tensor) -> Tensor:
    return x.exp()


@operator
def floor(x: Tensor) -> Tensor:
    return x.floor()


@operator
def logical_not(x: Tensor) -> Tensor:
    return x.logical_not()


@operator
def round(x: Tensor) -> Tensor:
    """Halves to the even neighbour."""
    return x.round()


@operator
def sign(x: Tensor) -> Tensor:
    return x.sign()


@operator
def sin(x: Tensor) -> Tensor:
    return x.sin()


@operator
def sinh(x: Tensor) -> Tensor:
    return x.sinh()


@operator
def sqrt(x: Tensor) -> Tensor:
    return x.sqrt()


@operator
def square(x: Tensor) -> Tensor:
    return x.square()


@operator
def tan(x: Tensor) -> Tensor:
    return x.tan()


@operator
def tanh(x: Tensor) -> Tensor:
    return x.tanh()


@operator
def exp2(x: Tensor) -> Tensor:
    return x.exp2().to(x.dtype)


@operator
def clip(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return x.clamp(alpha, beta)


@operator
def threshold(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.maximum(x, alpha)


@operator
def inverse(x: Tensor, epsilon: Tensor | float = 1e-4) -> Tensor:
    return 1 / (x + epsilon)


@operator
def log(x: Tensor, epsilon: Tensor | float = 1e-45) -> Tensor:
    return (x + epsilon).log()


@operator
def rsqrt(x: Tensor, epsilon: Tensor | float = 1e-12) -> Tensor:
    return (x + epsilon).rsqrt()


@operator
def cast(x: Tensor, dtype: str) -> Tensor:
    """Towards zero, as C does it. KeyError for a type that is not listed here."""
    return x.to(TYPES[dtype])


@operator
def identity(x: Tensor) -> Tensor:
    return x
