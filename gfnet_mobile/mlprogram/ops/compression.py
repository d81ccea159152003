"""Weights in compressed form, made whole once when a program is loaded. Arithmetic as in coremltools' definitions of
the operators; iOS 16 and iOS 18 share names, and differ in the arguments."""

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.sizes import axis_of
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def constexpr_affine_dequantize(quantized_data: Tensor, zero_point: Tensor, scale: Tensor, axis: Tensor) -> Tensor:
    """iOS 16: ``scale * (data - zero_point)``, both scalars or one value for each place of ``axis``."""

    def along(values: Tensor) -> Tensor:
        extents = [1] * quantized_data.ndim
        if values.ndim:
            extents[int(axis)] = len(values)
        return values.to(scale.dtype).reshape(extents)

    return along(scale) * (quantized_data.to(scale.dtype) - along(zero_point))


@operator
def constexpr_cast(source_val: Tensor, output_dtype: str) -> Tensor:
    """iOS 16: float16 to float32."""
    if output_dtype != "fp32":
        raise ValueError(f"output_dtype {output_dtype!r} is not understood")
    return source_val


@operator
def constexpr_lut_to_dense(
    indices: Tensor, lut: Tensor, shape: Tensor | None = None, vector_axis: Tensor | None = None
) -> Tensor:
    """iOS 16: a flat ``lut``, ``indices`` packed into bytes, lowest bit first, and the ``shape`` of the result. iOS 18:
    ``indices`` [*D], ``lut`` [*B, N, V]: each block of D / B has a palette of N vectors, laid along ``vector_axis``."""
    if shape is not None:
        bits, extents = (len(lut) - 1).bit_length(), shape.tolist()
        count = torch.Size(extents).numel()
        each = (indices[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
        packed = each.flatten()[: count * bits].reshape(count, bits).int()
        return lut[(packed << torch.arange(bits)).sum(1)].reshape(extents)
    palettes, entries, vector = lut.shape[:-2], lut.shape[-2], lut.shape[-1]
    if vector > 1 and vector_axis is None:
        raise ValueError("'vector_axis' is missing")
    block = torch.arange(torch.Size(palettes).numel()).reshape(palettes)
    for axis, extent in enumerate(indices.shape):
        block = block.repeat_interleave(_times(extent, palettes[axis]), axis)
    chosen = lut.reshape(-1, vector)[block * entries + indices.long()]
    if vector_axis is None:
        return chosen.squeeze(-1)
    axis = axis_of(int(vector_axis), indices.ndim)
    return chosen.movedim(-1, axis + 1).flatten(axis, axis + 1)


@operator
def constexpr_sparse_to_dense(nonzero_data: Tensor, mask: Tensor, shape: Tensor | None = None) -> Tensor:
    """iOS 16: ``mask`` packed into bytes, lowest bit first, and the ``shape`` of the result. iOS 18: ``mask`` [*D]."""
    if shape is not None:
        extents = shape.tolist()
        bits = (mask[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
        mask = bits.flatten()[: torch.Size(extents).numel()].reshape(extents)
    dense = nonzero_data.new_zeros(mask.shape)
    if int((mask != 0).sum()) != len(nonzero_data):
        raise ValueError(f"{len(nonzero_data)} values for a mask of {int((mask != 0).sum())}")
    dense[mask != 0] = nonzero_data
    return dense


@operator
def constexpr_blockwise_shift_scale(data: Tensor, scale: Tensor, offset: Tensor | None = None) -> Tensor:
    """iOS 18: ``scale * (data - offset)``; each axis of ``scale`` divides that of ``data``, a block sharing a value."""
    for axis, extent in enumerate(data.shape):
        times = _times(extent, scale.shape[axis])
        scale = scale.repeat_interleave(times, axis)
        offset = None if offset is None else offset.repeat_interleave(times, axis)
    values = data.to(scale.dtype)
    return scale * (values if offset is None else values - offset.to(scale.dtype))


@operator
def constexpr_lut_to_sparse(
    indices_mask: Tensor, indices_nonzero_data: Tensor, lut: Tensor, vector_axis: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """iOS 18: ``constexpr_lut_to_dense`` where the mask is set. The mask of the result, and its values."""
    dense = constexpr_lut_to_dense(
        constexpr_sparse_to_dense(indices_nonzero_data, indices_mask), lut, None, vector_axis
    )
    mask = indices_mask if vector_axis is None else indices_mask.repeat_interleave(lut.shape[-1], int(vector_axis))
    return mask, dense[mask != 0]


@operator
def constexpr_sparse_blockwise_shift_scale(
    data_mask: Tensor, nonzero_data: Tensor, scale: Tensor, offset: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """iOS 18: ``constexpr_blockwise_shift_scale`` where the mask is set. The mask, and the values."""
    dense = constexpr_blockwise_shift_scale(constexpr_sparse_to_dense(nonzero_data, data_mask), scale, offset)
    return data_mask, dense[data_mask != 0]


def _times(extent: int, parts: int) -> int:
    if extent % parts:
        raise ValueError(f"{parts} blocks do not divide {extent}")
    return extent // parts
