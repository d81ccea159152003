"""Operators that move, join, repeat and pad."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.reductions import over
from gfnet_mobile.mlprogram.ops.sizes import axis_of, bounded
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def reshape(x: Tensor, shape: Tensor) -> Tensor:
    """0 keeps the extent at that place, -1 takes what is left. In a longer shape zeros count from the end, and those
    before the first axis are ones."""
    extents = shape.tolist()
    shift = max(0, len(extents) - x.ndim) if 0 in extents else 0
    kept = [1] * shift + list(x.shape)
    return x.reshape([kept[axis] if extent == 0 else extent for axis, extent in enumerate(extents)])


@operator
def reshape_like(
    x: Tensor, ref_tensors: list[Tensor], begins: list[Tensor], ends: list[Tensor], end_masks: list[Tensor]
) -> Tensor:
    extents: list[int] = []
    for like, begin, end, mask in zip(ref_tensors, begins, ends, end_masks, strict=True):
        extents += like.shape[int(begin) : None if bool(mask) else int(end)]
    return x.reshape(extents)


@operator
def flatten2d(x: Tensor, axis: Tensor | int = 1) -> Tensor:
    at = x.ndim if int(axis) == x.ndim else axis_of(int(axis), x.ndim)
    return x.reshape(math.prod(x.shape[:at]), math.prod(x.shape[at:]))


@operator
def shape(x: Tensor) -> Tensor:
    return torch.tensor(x.shape, dtype=torch.int32)


@operator
def transpose(x: Tensor, perm: Tensor) -> Tensor:
    return x.permute(perm.tolist())


@operator
def squeeze(x: Tensor, axes: Tensor | None = None) -> Tensor:
    """ValueError for an axis of another extent than one."""
    if axes is None:
        return x.squeeze()
    if any(x.shape[axis] != 1 for axis in axes.tolist()):
        raise ValueError(f"axes {axes.tolist()} of {list(x.shape)} are not all of extent 1")
    return x.squeeze(axes.tolist())


@operator
def expand_dims(x: Tensor, axes: Tensor) -> Tensor:
    rank = x.ndim + len(axes)
    for axis in sorted(axis_of(axis, rank) for axis in axes.tolist()):
        x = x.unsqueeze(axis)
    return x


@operator
def concat(values: list[Tensor], axis: Tensor, interleave: Tensor | bool = False) -> Tensor:
    """Interleaved: first of each, then second of each."""
    axis_ = axis_of(int(axis), values[0].ndim)
    if not bool(interleave):
        return torch.cat(values, axis_)
    return torch.stack(values, axis_ + 1).flatten(axis_, axis_ + 1)


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
    return x.split(x.shape[axis_] // int(num_splits), axis_)


@operator
def tile(x: Tensor, reps: Tensor) -> Tensor:
    times = reps.tolist()
    bounded(*(extent * each for extent, each in zip(x.shape, times, strict=True)))
    return x.repeat(times)


@operator
def reverse(x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.flip(over(x, axes))


@operator
def reverse_sequence(x: Tensor, lengths: Tensor, seq_axis: Tensor | int = 0, batch_axis: Tensor | int = 0) -> Tensor:
    """The first ``lengths[i]`` places of ``seq_axis`` turned round in the i-th entry of ``batch_axis``."""
    rows = x.movedim([int(batch_axis), int(seq_axis)], [0, 1]).clone()
    for row, length in zip(rows, lengths.tolist(), strict=True):
        row[:length] = row[:length].flip(0)
    return rows.movedim([0, 1], [int(batch_axis), int(seq_axis)])


@operator
def sliding_windows(x: Tensor, axis: Tensor, size: Tensor, stride: Tensor | int = 1) -> Tensor:
    """The windows' own axis follows theirs."""
    axis_ = axis_of(int(axis), x.ndim)
    return x.unfold(axis_, int(size), int(stride)).movedim(-1, axis_ + 1)


@operator
def pad(x: Tensor, pad: Tensor, mode: str = "constant", constant_val: Tensor | float = 0.0) -> Tensor:
    """``pad``: before and after each of the last axes. Edges are repeated, or reflected without the edge itself."""
    sides = list(zip(pad.tolist()[::2], pad.tolist()[1::2], strict=True))
    for axis, (before, after) in enumerate(sides, x.ndim - len(sides)):
        extent = x.shape[axis]
        bounded(*x.shape[:axis], extent + before + after, *x.shape[axis + 1 :])
        if mode == "constant":
            flat = [0, 0] * (x.ndim - 1 - axis) + [before, after]
            x = functional.pad(x, flat, value=float(constant_val) if x.is_floating_point() else int(constant_val))
            continue
        places = torch.arange(-before, extent + after)
        if mode == "replicate":
            places = places.clamp(0, extent - 1)
        elif mode == "reflect" and max(before, after) < extent:
            places = extent - 1 - (extent - 1 - places.abs()).abs()
        else:
            raise ValueError(f"mode {mode!r} by {before} and {after}")
        x = x.index_select(axis, places)
    return x
