"""Resizing along axes. Grids of samples as Apple's reference of ``resize_bilinear`` writes them out."""

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.sizes import bounded
from gfnet_mobile.mlprogram.ops.table import operator

ROUNDING = 1e-3
"""pixels by which a factor may miss the size that it was made from"""


@operator
def upsample_nearest_neighbor(
    x: Tensor, scale_factor_height: Tensor | float = 1, scale_factor_width: Tensor | float = 1
) -> Tensor:
    """The pixel in which a new one begins. New ones are as large as the factor says, as torch has it, if it is not what
    the sizes say but for rounding."""
    factors = (float(scale_factor_height), float(scale_factor_width))
    for (axis, extent), factor in zip(_scaled(x, *factors), factors, strict=True):
        bounded(*x.shape[:axis], extent, *x.shape[axis + 1 :])
        places = torch.arange(extent) * x.shape[axis] // max(1, extent)
        if extent != x.shape[axis] and abs(factor * x.shape[axis] - extent) > ROUNDING:
            share = torch.tensor(1 / round(factor, 6))  # as torch computes it; the factor was rounded to float32
            places = (torch.arange(extent) * share).long().clamp(0, x.shape[axis] - 1)
        x = x.index_select(axis, places)
    return x


@operator
def upsample_bilinear(
    x: Tensor,
    scale_factor_height: Tensor | float = 1,
    scale_factor_width: Tensor | float = 1,
    align_corners: Tensor | bool = True,
    half_pixel_centers: Tensor | bool | None = None,
) -> Tensor:
    """Scales are floats; the size is their product with the input's, rounded down."""
    corners = bool(align_corners)
    centres = not corners if half_pixel_centers is None else bool(half_pixel_centers)
    if corners and centres:
        raise ValueError("'align_corners' and 'half_pixel_centers' exclude each other")
    mode = "STRICT_ALIGN_CORNERS" if corners else "UNALIGN_CORNERS" if centres else "DEFAULT"
    for axis, extent in _scaled(x, scale_factor_height, scale_factor_width):
        x = _linear(x, axis, _grid(x.shape[axis], extent, mode))
    return x


@operator
def resize_bilinear(
    x: Tensor,
    target_size_height: Tensor | int = 1,
    target_size_width: Tensor | int = 1,
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    for axis, extent in ((x.ndim - 2, int(target_size_height)), (x.ndim - 1, int(target_size_width))):
        x = _linear(x, axis, _grid(x.shape[axis], extent, sampling_mode))
    return x


@operator
def resize_nearest_neighbor(x: Tensor, target_size_height: Tensor, target_size_width: Tensor) -> Tensor:
    for axis, extent in ((x.ndim - 2, int(target_size_height)), (x.ndim - 1, int(target_size_width))):
        x = _nearest(x, axis, _grid(x.shape[axis], extent, "DEFAULT"))
    return x


@operator
def resize(
    x: Tensor,
    shape: Tensor,
    resized_dims: Tensor,
    interpolation_mode: str = "LINEAR",
    sampling_mode: str = "DEFAULT",
) -> Tensor:
    """The last ``resized_dims`` extents of ``shape``; 0 keeps the tensor's."""
    sample = {"LINEAR": _linear, "NEAREST_NEIGHBOR": _nearest}[interpolation_mode]
    count = int(resized_dims)
    for axis, extent in enumerate(shape.tolist()[len(shape) - count :], x.ndim - count):
        if extent:
            x = sample(x, axis, _grid(x.shape[axis], extent, sampling_mode))
    return x


@operator
def crop_resize(
    x: Tensor,
    roi: Tensor | None = None,
    boxes: Tensor | None = None,
    box_indices: Tensor | None = None,
    target_height: Tensor | int = 1,
    target_width: Tensor | int = 1,
    normalized_coordinates: Tensor | bool = False,
    spatial_scale: Tensor | float = 1.0,
    box_coordinate_mode: str = "CORNERS_HEIGHT_FIRST",
    sampling_mode: str = "DEFAULT",
    pad_value: Tensor | float = 0.0,
) -> Tensor:
    """``x`` [B, C, H, W]. iOS 15 and 16: ``roi`` [N, 1, 4, 1, 1] of every image, or [N, 1, 5, 1, 1] with the image's
    number first. iOS 17: ``boxes`` [N, 4] and ``box_indices`` [N]. Outside the image there is ``pad_value``."""
    if (roi is None) == (boxes is None):
        raise ValueError("'roi' or 'boxes', and not both")
    rows = boxes if boxes is not None else roi[:, 0, :, 0, 0] if roi is not None else x
    each = torch.arange(len(rows)) if box_indices is None else box_indices.long()
    if boxes is None:
        if rows.shape[1] == 5:
            each, rows = rows[:, 0].long(), rows[:, 1:]
        else:
            each = torch.full([len(rows)], -1)
    bounded(len(rows), *x.shape[:2], int(target_height), int(target_width))
    parts = []
    for number, row in zip(each.tolist(), rows, strict=True):
        images = x if boxes is None and number == -1 else x[number : number + 1]
        top, left, bottom, right = _corners(row * spatial_scale, box_coordinate_mode)
        if bool(normalized_coordinates):
            top, bottom = top * (x.shape[2] - 1), bottom * (x.shape[2] - 1)
            left, right = left * (x.shape[3] - 1), right * (x.shape[3] - 1)
        down = _within(top, bottom, int(target_height), sampling_mode)
        across = _within(left, right, int(target_width), sampling_mode)
        parts.append(_linear(_linear(images, 2, down, pad_value), 3, across, pad_value))
    return torch.cat(parts) if boxes is not None else torch.stack(parts)


def _corners(row: Tensor, mode: str) -> tuple[Tensor, ...]:
    """Top, left, bottom, right. KeyError for a mode that is not known."""
    order = {"HEIGHT": (0, 1, 2, 3), "WIDTH": (1, 0, 3, 2)}[mode.split("_")[-2]]
    first, second, third, fourth = (row[place] for place in order)
    if mode in ("CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST"):
        return first, second, third, fourth
    if mode not in ("CENTER_SIZE_HEIGHT_FIRST", "CENTER_SIZE_WIDTH_FIRST"):
        raise KeyError(mode)
    return first - third / 2, second - fourth / 2, first + third / 2, second + fourth / 2


def _scaled(x: Tensor, height: Tensor | float, width: Tensor | float) -> list[tuple[int, int]]:
    """The last two axes with their new extents."""
    return [
        (axis, int(x.shape[axis] * float(factor) + ROUNDING))
        for axis, factor in ((x.ndim - 2, height), (x.ndim - 1, width))
    ]


def _grid(extent: int, size: int, mode: str) -> Tensor:
    """Where ``size`` samples lie in an axis of ``extent``, clamped to it. KeyError for a mode that is not known."""
    step = torch.arange(*bounded(size), dtype=torch.float64)
    found = {
        "STRICT_ALIGN_CORNERS": step * (extent - 1) / max(1, size - 1),
        "ALIGN_CORNERS": step * (extent - 1) / (size - 1) if size > 1 else torch.full_like(step, (extent - 1) / 2),
        "DEFAULT": step * extent / size,
        "OFFSET_CORNERS": (step + 0.5) * max(1, extent - 1) / size,
        "UNALIGN_CORNERS": (step + 0.5) * extent / size - 0.5,
    }[mode]
    return found.clamp(0, extent - 1)


def _within(first: Tensor, last: Tensor, size: int, mode: str) -> Tensor:
    """Where ``size`` samples lie between two points, as ``_grid`` has them in an axis of that length and one."""
    step, first, last = torch.arange(*bounded(size), dtype=torch.float64), first.double(), last.double()
    reach = last - first
    if mode == "ALIGN_CORNERS" and size == 1:
        return ((first + last) / 2)[None]
    if mode in ("STRICT_ALIGN_CORNERS", "ALIGN_CORNERS"):
        return first + step * reach / max(1, size - 1)
    if mode == "DEFAULT":
        return torch.minimum(first + step * (reach + 1) / size, last)
    if mode == "OFFSET_CORNERS":
        return first + (step + 0.5) * reach / size
    if mode == "UNALIGN_CORNERS":
        return torch.minimum(torch.maximum(first + (step + 0.5) * (reach + 1) / size - 0.5, first), last)
    raise KeyError(mode)


def _linear(x: Tensor, axis: int, points: Tensor, pad_value: Tensor | float | None = None) -> Tensor:
    """``x`` at places between its own along one axis; beyond its ends ``pad_value``, where there can be such."""
    extent = x.shape[axis]
    bounded(*x.shape[:axis], len(points), *x.shape[axis + 1 :])
    below = points.floor()
    shape = [-1 if number == axis else 1 for number in range(x.ndim)]
    share = (points - below).reshape(shape)
    at = below.long().clamp(0, extent - 1)
    first, second = x.index_select(axis, at), x.index_select(axis, (below.long() + 1).clamp(0, extent - 1))
    found = (first + (second - first) * share.to(x.dtype) if x.is_floating_point()
             else (first + (second - first) * share).to(x.dtype))  # fmt: skip
    if pad_value is None:
        return found
    inside = ((points >= 0) & (points <= extent - 1)).reshape(shape)
    return torch.where(inside, found, torch.as_tensor(pad_value, dtype=x.dtype))


def _nearest(x: Tensor, axis: int, points: Tensor) -> Tensor:
    """Halves to the place before: so twice the size repeats each place twice."""
    bounded(*x.shape[:axis], len(points), *x.shape[axis + 1 :])
    return x.index_select(axis, (points - 0.5).ceil().long().clamp(0, x.shape[axis] - 1))
