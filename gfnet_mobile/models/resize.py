"""Down-sampling of the image to the glance, without antialiasing: corners aligned, as the published network does it, or
by leaving pixels out."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from gfnet_mobile.models.config import GlanceFilter, glance_stride


class Resize(nn.Module):
    """``[B, 3, S, S]`` → ``[B, 3, G, G]``.

    Bilinear is an operator that every target has. Bicubic is not (Core ML), but it is linear and separable: two
    constant matrices, ``A @ x @ A.T``, give the same numbers everywhere. Subsampled, it is every ⌈S / G⌉-th pixel.
    """

    matrix: Tensor

    def __init__(self, image: int, glance: int, filter: GlanceFilter) -> None:
        super().__init__()
        self.side = glance
        self.same = image == glance
        self.filter = filter
        self.stride = glance_stride(image, glance)
        if filter == "bicubic" and not self.same:
            self.register_buffer("matrix", _bicubic_matrix(image, glance), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            return x
        if self.filter == "subsample":
            return x[:, :, :: self.stride, :: self.stride]
        if self.filter == "bilinear":
            return functional.interpolate(x, size=(self.side, self.side), mode="bilinear", align_corners=True)
        return self.matrix @ x @ self.matrix.T


def _bicubic_matrix(image: int, glance: int) -> Tensor:
    """float32 [G, S]: each row holds the four weights (a = −0.75) of one sample, indices clamped at the border."""
    matrix = torch.zeros(glance, image)
    for row in range(glance):
        # float32 throughout, as torch computes its own grid
        place = (torch.tensor((image - 1) / (glance - 1), dtype=torch.float32) * row).item() if glance > 1 else 0.0
        base = math.floor(place)
        for tap in range(-1, 3):
            matrix[row, min(max(base + tap, 0), image - 1)] += _cubic(abs(place - base - tap))
    return matrix


def _cubic(distance: float, a: float = -0.75) -> float:
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance * distance + 1
    if distance < 2:
        return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return 0.0
