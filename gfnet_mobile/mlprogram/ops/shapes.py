"""Operators that move, cut, join and reduce."""

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.table import operator


@operator
def reshape(x: Tensor, shape: Tensor) -> Tensor:
    """0 keeps the extent at that place, -1 takes what is left."""
    return x.reshape([x.shape[axis] if extent == 0 else extent for axis, extent in enumerate(shape.tolist())])


@operator
def transpose(x: Tensor, perm: Tensor) -> Tensor:
    return x.permute(perm.tolist())


@operator
def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(axes.tolist())


@operator
def expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes.tolist()):
        x = x.unsqueeze(axis)
    return x


@operator
def concat(values: list[Tensor], axis: Tensor, interleave: Tensor | bool = False) -> Tensor:
    if bool(interleave):
        raise ValueError("'interleave' is not understood")
    return torch.cat(values, int(axis))


@operator
def stack(values: list[Tensor], axis: Tensor) -> Tensor:
    return torch.stack(values, int(axis))


@operator
def split(
    x: Tensor, axis: Tensor, num_splits: Tensor | None = None, split_sizes: Tensor | None = None
) -> tuple[Tensor, ...]:
    axis_ = int(axis)
    if split_sizes is not None:
        return x.split(split_sizes.tolist(), axis_)
    if num_splits is None or x.shape[axis_] % int(num_splits):
        raise ValueError("'num_splits' does not divide the axis")
    return x.chunk(int(num_splits), axis_)


@operator
def slice_by_size(x: Tensor, begin: Tensor, size: Tensor) -> Tensor:
    """``begin`` may be data; a size of -1 goes to the end. ValueError where it leaves the tensor."""
    for axis, (first, extent) in enumerate(zip(begin.tolist(), size.tolist(), strict=True)):
        length = x.shape[axis] - first if extent == -1 else extent
        if first < 0 or length < 0 or first + length > x.shape[axis]:
            raise ValueError(f"begin {begin.tolist()} and size {size.tolist()} leave {list(x.shape)}")
        x = x.narrow(axis, first, length)
    return x


@operator
def gather(
    x: Tensor,
    indices: Tensor,
    axis: Tensor | int = 0,
    batch_dims: Tensor | int = 0,
    validate_indices: Tensor | bool = True,
) -> Tensor:
    """ValueError for an index outside the axis, whether or not ``validate_indices`` asks for it."""
    if int(batch_dims):
        raise ValueError("'batch_dims' is not understood")
    axis_ = int(axis) % x.ndim
    if indices.numel() and not (-x.shape[axis_] <= int(indices.min()) and int(indices.max()) < x.shape[axis_]):
        raise ValueError(f"indices leave an axis of {x.shape[axis_]}")
    taken = x.index_select(axis_, (indices.long() % x.shape[axis_]).flatten())
    return taken.reshape([*x.shape[:axis_], *indices.shape, *x.shape[axis_ + 1 :]])


@operator
def reduce_mean(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return x.mean(_axes(x, axes), keepdim=bool(keep_dims))


@operator
def reduce_sum(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return x.sum(_axes(x, axes), keepdim=bool(keep_dims))


@operator
def reduce_max(x: Tensor, axes: Tensor | None = None, keep_dims: Tensor | bool = False) -> Tensor:
    return x.amax(_axes(x, axes), keepdim=bool(keep_dims))


@operator
def reduce_argmax(x: Tensor, axis: Tensor | int = -1, keep_dims: Tensor | bool = False) -> Tensor:
    return x.argmax(int(axis), keepdim=bool(keep_dims)).to(torch.int32)


def _axes(x: Tensor, axes: Tensor | None) -> list[int]:
    return list(range(x.ndim)) if axes is None else axes.tolist()
