"""Resampling at coordinates that are data."""

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.sizes import bounded
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def resample(
    x: Tensor,
    coordinates: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Tensor,
    coordinates_mode: str,
    align_corners: Tensor,
) -> Tensor:
    """``x`` [B, C, H, W] at ``coordinates`` [B, H', W', (x, y)]."""
    batch, channels, height, width = x.shape
    wide = coordinates.to(x.dtype) if not coordinates.is_floating_point() else coordinates
    pairs = zip(wide.unbind(-1), (width, height), strict=True)
    across, down = (_folded(_pixels(c, n, coordinates_mode, bool(align_corners)), n, padding_mode) for c, n in pairs)
    rows = x.reshape(batch, channels, height * width)

    def at(row: Tensor, column: Tensor) -> Tensor:
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        place = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
        taken = rows.gather(2, place.reshape(batch, 1, -1).expand(-1, channels, -1))
        return torch.where(inside[:, None], taken.reshape(batch, channels, *place.shape[1:]), padding_value)

    if sampling_mode == "nearest":
        return at(down.round(), across.round())
    if sampling_mode != "bilinear":
        raise KeyError(sampling_mode)
    top, left = down.floor(), across.floor()
    lower, right = (down - top)[:, None], (across - left)[:, None]
    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    return upper * (1 - lower) + (at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right) * lower


@operator
def affine(
    x: Tensor,
    transform_matrix: Tensor,
    output_height: Tensor,
    output_width: Tensor,
    sampling_mode: str,
    padding_mode: str,
    padding_value: Tensor,
    coordinates_mode: str,
    align_corners: Tensor,
) -> Tensor:
    """``transform_matrix`` [B or 1, 6], from coordinates of the result to those of ``x``."""
    if coordinates_mode != "normalized_minus_one_to_one":
        raise ValueError("'coordinates_mode' of a kind that Apple's reference does not allow")
    matrix = transform_matrix.reshape(-1, 2, 3).expand(x.shape[0], 2, 3)
    size = [x.shape[0], x.shape[1], int(output_height), int(output_width)]
    bounded(*size)
    grid = functional.affine_grid(matrix, size, align_corners=bool(align_corners))
    return resample(x, grid, sampling_mode, padding_mode, padding_value, coordinates_mode, align_corners)


def _pixels(coordinates: Tensor, extent: int, mode: str, corners: bool) -> Tensor:
    """In pixels, 0 in the middle of the first. KeyError for a mode that is not known."""
    if mode == "unnormalized":
        return coordinates
    share = {"normalized_zero_to_one": coordinates, "normalized_minus_one_to_one": (coordinates + 1) / 2}[mode]
    return share * (extent - 1) if corners else share * extent - 0.5


def _folded(pixels: Tensor, extent: int, mode: str) -> Tensor:
    """Back into the image, by what ``padding_mode`` says of places outside."""
    if mode == "constant":
        return pixels
    if mode == "border":
        return pixels.clamp(0, extent - 1)
    edge, period = {"reflection": (0.0, 2 * (extent - 1)), "symmetric": (0.5, 2 * extent)}[mode]
    if not period:
        return torch.zeros_like(pixels)
    turned = (pixels + edge).remainder(period)
    return (torch.minimum(turned, period - turned) - edge).clamp(0, extent - 1)
