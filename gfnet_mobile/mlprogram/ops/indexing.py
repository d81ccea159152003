"""Operators that cut and pick, and those that write at an index."""

import math

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.sizes import axis_of
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def slice_by_index(
    x: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: Tensor | None = None,
    begin_mask: Tensor | None = None,
    end_mask: Tensor | None = None,
    squeeze_mask: Tensor | None = None,
) -> Tensor:
    """As numpy cuts ``begin:end:stride``; a mask leaves a bound away, or keeps ``begin`` alone and drops the axis."""
    cuts = _cuts(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    part = x[tuple(cut for cut, _, _ in cuts)].flip([axis for axis, (_, turned, _) in enumerate(cuts) if turned])
    return part.reshape([extent for extent, (*_, dropped) in zip(part.shape, cuts, strict=True) if not dropped])


@operator
def slice_update(
    x: Tensor,
    update: Tensor,
    begin: Tensor,
    end: Tensor,
    stride: Tensor | None = None,
    begin_mask: Tensor | None = None,
    end_mask: Tensor | None = None,
    squeeze_mask: Tensor | None = None,
) -> Tensor:
    """``x`` with the part that ``slice_by_index`` would cut replaced."""
    cuts = _cuts(x, begin, end, stride, begin_mask, end_mask, squeeze_mask)
    whole = x.clone()
    part = whole[tuple(cut for cut, _, _ in cuts)]
    kept = [extent for extent, (*_, dropped) in zip(part.shape, cuts, strict=True) if not dropped]
    if kept != list(update.shape):
        raise ValueError(f"update {list(update.shape)} for a part {kept}")
    part.copy_(update.reshape(part.shape).flip([axis for axis, (_, turned, _) in enumerate(cuts) if turned]))
    return whole


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
def crop(x: Tensor, crop_height: Tensor, crop_width: Tensor) -> Tensor:
    """What is taken away at both ends of the last two axes."""
    (top, bottom), (left, right) = crop_height.tolist(), crop_width.tolist()
    return x[..., top : x.shape[-2] - bottom, left : x.shape[-1] - right]


@operator
def gather(
    x: Tensor,
    indices: Tensor,
    axis: Tensor | int = 0,
    batch_dims: Tensor | int = 0,
    validate_indices: Tensor | bool = False,
) -> Tensor:
    """ValueError for an index outside the axis, and for a negative one where ``validate_indices`` is set."""
    axis_, shared = axis_of(int(axis), x.ndim), int(batch_dims)
    batch, before, after = x.shape[:shared], x.shape[shared:axis_], x.shape[axis_ + 1 :]
    rows = x.reshape(math.prod(batch), math.prod(before), x.shape[axis_], math.prod(after))
    chosen = _inside(indices, x.shape[axis_], validate_indices).reshape(
        rows.shape[0], 1, math.prod(indices.shape[shared:]), 1
    )
    taken = rows.gather(2, chosen.expand(-1, rows.shape[1], -1, rows.shape[3]))
    return taken.reshape([*batch, *before, *indices.shape[shared:], *after])


@operator
def gather_along_axis(
    x: Tensor, indices: Tensor, axis: Tensor | int = 0, validate_indices: Tensor | bool = False
) -> Tensor:
    return torch.take_along_dim(x, _inside(indices, x.shape[int(axis)], validate_indices), int(axis))


@operator
def gather_nd(
    x: Tensor, indices: Tensor, batch_dims: Tensor | int = 0, validate_indices: Tensor | bool = False
) -> Tensor:
    """The last axis of ``indices`` holds a place in the axes of ``x`` that follow the shared ones."""
    shared, depth = int(batch_dims), indices.shape[-1]
    batch, rest = x.shape[:shared], x.shape[shared + depth :]
    rows = x.reshape(math.prod(batch), math.prod(x.shape[shared : shared + depth]), math.prod(rest))
    place = torch.zeros(indices.shape[:-1], dtype=torch.long)
    for number, extent in enumerate(x.shape[shared : shared + depth]):
        place = place * extent + _inside(indices[..., number], extent, validate_indices)
    chosen = place.reshape(rows.shape[0], math.prod(place.shape[shared:]), 1)
    return rows.gather(1, chosen.expand(-1, -1, rows.shape[2])).reshape([*place.shape, *rest])


@operator
def scatter(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: Tensor | int = 0,
    mode: str = "add",
    validate_indices: Tensor | bool = False,
) -> Tensor:
    return _scattered(data, gather(_numbers(data), indices, axis, 0, validate_indices), updates, mode)


@operator
def scatter_along_axis(
    data: Tensor,
    indices: Tensor,
    updates: Tensor,
    axis: Tensor | int = 0,
    mode: str = "add",
    validate_indices: Tensor | bool = False,
) -> Tensor:
    return _scattered(data, gather_along_axis(_numbers(data), indices, axis, validate_indices), updates, mode)


@operator
def scatter_nd(
    data: Tensor, indices: Tensor, updates: Tensor, mode: str = "add", validate_indices: Tensor | bool = False
) -> Tensor:
    return _scattered(data, gather_nd(_numbers(data), indices, 0, validate_indices), updates, mode)


MODES = {"add": "sum", "sub": "sum", "mul": "prod", "div": "prod", "max": "amax", "min": "amin"}
"""ways of scattering, and torch's words for them"""


def _scattered(data: Tensor, places: Tensor, updates: Tensor, mode: str) -> Tensor:
    """``places`` number the elements of ``data``; KeyError for a mode that is not known."""
    if places.shape != updates.shape:
        raise ValueError(f"updates {list(updates.shape)} for places {list(places.shape)}")
    flat, at, new = data.flatten(), places.flatten(), updates.flatten()
    if mode == "update":
        return flat.scatter(0, at, new).reshape(data.shape)
    new = -new if mode == "sub" else 1 / new if mode == "div" else new
    return flat.scatter_reduce(0, at, new.to(data.dtype), MODES[mode]).reshape(data.shape)


def _numbers(x: Tensor) -> Tensor:
    return torch.arange(x.numel()).reshape(x.shape)


def _inside(indices: Tensor, extent: int, validate: Tensor | bool) -> Tensor:
    """Negative ones count from the end, if they are not to be ``validate``d. ValueError outside."""
    wide = indices.long()
    least = 0 if bool(validate) else -extent
    if wide.numel() and not wide.is_meta and not (least <= int(wide.min()) and int(wide.max()) < extent):
        raise ValueError(f"indices leave an axis of {extent}")
    return torch.where(wide < 0, wide + extent, wide)


def _cuts(x: Tensor, begin: Tensor, end: Tensor, *others: Tensor | None) -> list[tuple[slice, bool, bool]]:
    """For each axis a slice with a positive step, whether the part is turned round, and whether the axis is dropped.
    ValueError for arguments that have not one value for each axis."""
    bounds = [begin.tolist(), end.tolist()]
    stride, *masks = [None if one is None else one.tolist() for one in others]
    steps = [1] * x.ndim if stride is None else stride
    begin_mask, end_mask, squeeze_mask = ([False] * x.ndim if mask is None else mask for mask in masks)
    found = []
    rows = zip(x.shape, *bounds, steps, begin_mask, end_mask, squeeze_mask, strict=True)
    for extent, first, last, step, no_begin, no_end, dropped in rows:
        if dropped:
            place = first if not no_begin else 0 if step > 0 else extent - 1
            if not -extent <= place < extent:
                raise ValueError(f"place {place} leaves an axis of {extent}")
            found.append((slice(place % extent, place % extent + 1), False, True))
            continue
        places = range(*slice(None if no_begin else first, None if no_end else last, step).indices(extent))
        ordered = places if step > 0 else places[::-1]
        found.append((slice(ordered.start, max(ordered.start, ordered.stop), ordered.step), step < 0, False))
    return found
