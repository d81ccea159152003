"""Patches: from an action to a position, from a position to pixels."""

import torch
from torch import Tensor


def position_of(action: Tensor, image: int, patch: int) -> Tensor:
    """``action`` [B, 2] in [0, 1], (row, column) → ``position`` int32 [B, 2]: the patch's top-left pixel.

    ``floor(action · (S − P))`` in float32, as published; half precision would move some patches by a pixel.
    """
    return torch.floor(action.float() * (image - patch)).to(torch.int32)


def crop(image: Tensor, position: Tensor, patch: int) -> Tensor:
    """``image`` [B, 3, S, S], ``position`` int32 [B, 2] → ``patch`` [B, 3, P, P]. Positions must lie inside."""
    steps = torch.arange(patch, device=image.device)
    rows = (position[:, 0, None] + steps)[:, None, :, None]
    columns = (position[:, 1, None] + steps)[:, None, None, :]
    batch = torch.arange(len(image), device=image.device)[:, None, None, None]
    channel = torch.arange(image.shape[1], device=image.device)[None, :, None, None]
    return image[batch, channel, rows, columns]
