"""Reductions, and what sorts or sums along an axis."""

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.sizes import axis_of
from gfnet_mobile.mlprogram.ops.table import operator

INDICES = {"int32": torch.int32, "uint16": torch.uint16, "int16": torch.int16}


@operator
def reduce_sum(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return x.sum(over(x, axes), keepdim=bool(keep_dims), dtype=x.dtype)


@operator
def reduce_mean(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    """Of integers: rounded towards zero."""
    exact = x if x.is_floating_point() else x.double()
    return exact.mean(over(x, axes), keepdim=bool(keep_dims)).to(x.dtype)


@operator
def reduce_max(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return x.amax(over(x, axes), keepdim=bool(keep_dims))


@operator
def reduce_min(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return x.amin(over(x, axes), keepdim=bool(keep_dims))


@operator
def reduce_prod(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    for axis in sorted((axis_of(axis, x.ndim) for axis in over(x, axes)), reverse=True):
        x = x.prod(axis, keepdim=bool(keep_dims), dtype=x.dtype)
    return x


@operator
def reduce_l1_norm(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return reduce_sum(x.abs(), axes, keep_dims)


@operator
def reduce_l2_norm(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    exact = x if x.is_floating_point() else x.double()
    return reduce_sum(exact.square(), axes, keep_dims).sqrt().to(x.dtype)


@operator
def reduce_sum_square(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return reduce_sum(x.square(), axes, keep_dims)


@operator
def reduce_log_sum(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return reduce_sum(x, axes, keep_dims).log()


@operator
def reduce_log_sum_exp(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return x.logsumexp(over(x, axes), keepdim=bool(keep_dims))


@operator
def reduce_argmax(
    x: Tensor, axis: Tensor | int = -1, keep_dims: Tensor | bool = False, output_dtype: str = "int32"
) -> Tensor:
    return x.argmax(int(axis), keepdim=bool(keep_dims)).to(INDICES[output_dtype])


@operator
def reduce_argmin(
    x: Tensor, axis: Tensor | int = -1, keep_dims: Tensor | bool = False, output_dtype: str = "int32"
) -> Tensor:
    return x.argmin(int(axis), keepdim=bool(keep_dims)).to(INDICES[output_dtype])


@operator
def argsort(x: Tensor, axis: Tensor | int = -1, ascending: Tensor | bool = False) -> Tensor:
    return x.argsort(stable=True, dim=int(axis), descending=not bool(ascending)).to(torch.int32)


@operator
def topk(
    x: Tensor,
    k: Tensor | int = 1,
    axis: Tensor | int = -1,
    ascending: Tensor | bool = False,
    sort: Tensor | bool = True,
    return_indices: Tensor | bool = True,
    output_indices_dtype: str = "int32",
) -> Tensor | tuple[Tensor, ...]:
    """Values and where they are; sorted also where ``sort`` does not ask for it."""
    axis_ = int(axis)
    wide = x if x.is_floating_point() else x.long()  # torch sorts no uint16
    values, indices = wide.sort(stable=True, dim=axis_, descending=not bool(ascending))
    count = x.shape[axis_] if int(k) == -1 else int(k)
    values, indices = values.narrow(axis_, 0, count).to(x.dtype), indices.narrow(axis_, 0, count)
    return (values, indices.to(INDICES[output_indices_dtype])) if bool(return_indices) else values


@operator
def cumsum(
    x: Tensor, axis: Tensor | int = 0, exclusive: Tensor | bool = False, reverse: Tensor | bool = False
) -> Tensor:
    axis_ = int(axis)
    x = x.flip(axis_) if bool(reverse) else x
    found = x.cumsum(axis_, dtype=x.dtype)
    if bool(exclusive):
        first = torch.zeros_like(x.narrow(axis_, 0, 1))
        found = torch.cat([first, found.narrow(axis_, 0, x.shape[axis_] - 1)], axis_)
    return found.flip(axis_) if bool(reverse) else found


def over(x: Tensor, axes: Tensor | None) -> list[int]:
    return list(range(x.ndim)) if axes is None else axes.tolist()
