"""Products of matrices."""

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.sizes import bounded
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kind = torch.promote_types(x.dtype, weight.dtype)  # iOS 17: integers beside floats
    return functional.linear(x.to(kind), weight.to(kind), None if bias is None else bias.to(kind))


@operator
def matmul(x: Tensor, y: Tensor, transpose_x: Tensor | bool = False, transpose_y: Tensor | bool = False) -> Tensor:
    kind = torch.promote_types(x.dtype, y.dtype)  # iOS 17: integers beside floats
    left, right = x.to(kind), y.to(kind)
    batch = torch.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    for operand in (x, y):  # torch repeats both for the batch
        bounded(*batch, *operand.shape[-2:])
    return (left.mT if bool(transpose_x) else left) @ (right.mT if bool(transpose_y) else right)


@operator
def einsum(values: list[Tensor], equation: str) -> Tensor:
    return torch.einsum(equation, *values)


@operator
def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """A mask of truth values keeps where it is true; one of numbers is added."""
    return functional.scaled_dot_product_attention(query, key, value, attn_mask)
