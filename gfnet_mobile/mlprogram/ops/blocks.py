"""Operators that turn blocks of pixels into channels or batch, and back; tensors [B, C, H, W]."""

from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.padding import padded
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def pixel_shuffle(x: Tensor, upscale_factor: Tensor) -> Tensor:
    """Channels to blocks, channel by channel."""
    return functional.pixel_shuffle(x, int(upscale_factor))


@operator
def pixel_unshuffle(x: Tensor, downscale_factor: Tensor) -> Tensor:
    return functional.pixel_unshuffle(x, int(downscale_factor))


@operator
def depth_to_space(x: Tensor, block_size: Tensor) -> Tensor:
    """Channels to blocks; the place in the block changes slower than the channel."""
    side, (batch, channels, height, width) = int(block_size), x.shape
    parts = x.reshape(batch, side, side, channels // side**2, height, width)
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels // side**2, height * side, width * side)


@operator
def space_to_depth(x: Tensor, block_size: Tensor) -> Tensor:
    side, (batch, channels, height, width) = int(block_size), x.shape
    parts = x.reshape(batch, channels, height // side, side, width // side, side)
    return parts.permute(0, 3, 5, 1, 2, 4).reshape(batch, channels * side**2, height // side, width // side)


@operator
def space_to_batch(x: Tensor, block_shape: Tensor, paddings: Tensor) -> Tensor:
    (down, across), (rows, columns) = block_shape.tolist(), paddings.tolist()
    whole = padded(x, [(rows[0], rows[1]), (columns[0], columns[1])])
    batch, channels, height, width = whole.shape
    parts = whole.reshape(batch, channels, height // down, down, width // across, across)
    return parts.permute(3, 5, 0, 1, 2, 4).reshape(-1, channels, height // down, width // across)


@operator
def batch_to_space(x: Tensor, block_shape: Tensor, crops: Tensor) -> Tensor:
    (down, across), ((top, bottom), (left, right)) = block_shape.tolist(), crops.tolist()
    batch, channels, height, width = x.shape
    parts = x.reshape(down, across, batch // (down * across), channels, height, width).permute(2, 3, 4, 0, 5, 1)
    whole = parts.reshape(-1, channels, height * down, width * across)
    return whole[:, :, top : height * down - bottom, left : width * across - right]
