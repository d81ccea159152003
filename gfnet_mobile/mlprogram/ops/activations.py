"""Activations."""

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.table import operator


@operator
def relu(x: Tensor) -> Tensor:
    return x.relu()


@operator
def relu6(x: Tensor) -> Tensor:
    return x.clamp(0, 6)


@operator
def clamped_relu(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return torch.where(x >= 0, x, alpha * x).clamp(max=beta)


@operator
def leaky_relu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x >= 0, x, alpha * x)


@operator
def thresholded_relu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x >= alpha, x, torch.zeros_like(x))


@operator
def prelu(x: Tensor, alpha: Tensor) -> Tensor:
    """``alpha`` [C]."""
    return torch.where(x >= 0, x, _of_channels(x, alpha) * x)


@operator
def elu(x: Tensor, alpha: Tensor) -> Tensor:
    return torch.where(x >= 0, x, alpha * x.expm1())


@operator
def gelu(x: Tensor, mode: str = "EXACT") -> Tensor:
    if mode == "SIGMOID_APPROXIMATION":
        return x * (1.702 * x).sigmoid()
    return functional.gelu(x, approximate={"EXACT": "none", "TANH_APPROXIMATION": "tanh"}[mode])


@operator
def linear_activation(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return alpha * x + beta


@operator
def scaled_tanh(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    return alpha * (beta * x).tanh()


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
def softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


@operator
def softplus_parametric(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """``alpha`` and ``beta`` [C]."""
    return _of_channels(x, alpha) * softplus(_of_channels(x, beta) * x)


@operator
def softsign(x: Tensor) -> Tensor:
    return x / (1 + x.abs())


@operator
def softmax(x: Tensor, axis: Tensor | int = -1) -> Tensor:
    return x.softmax(int(axis))


def _of_channels(x: Tensor, values: Tensor) -> Tensor:
    """[C] so that it broadcasts over ``x`` [B, C, ...]."""
    return values.reshape(-1, *[1] * (x.ndim - 2))
