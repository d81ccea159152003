"""Padding of windows that slide, as convolution and pooling have it."""

from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.sizes import bounded

Pairs = list[tuple[int, int]]
"""before and after each axis"""


def padding(x: Tensor, kernel: list[int], strides: list[int], pad_type: str, pad: Tensor | None) -> Pairs:
    """ValueError for a ``pad_type`` that is not known."""
    if pad_type == "valid":
        return [(0, 0)] * len(kernel)
    if pad_type == "custom":
        return pairs(pad, len(kernel))
    if pad_type not in ("same", "same_lower"):
        raise ValueError(f"pad_type {pad_type!r}")
    found = []
    for extent, size, step in zip(x.shape[2:], kernel, strides, strict=True):
        total = max(0, (-(-extent // step) - 1) * step + size - extent)
        less, more = total // 2, total - total // 2
        found.append((less, more) if pad_type == "same" else (more, less))
    return found


def padded(x: Tensor, sides: Pairs, value: float = 0.0) -> Tensor:
    """``x`` [B, C, *D] with so many places more before and after each D. ValueError for fewer."""
    if any(side < 0 for pair in sides for side in pair):
        raise ValueError(f"padding of {sides}")
    bounded(*x.shape[:2], *(extent + sum(pair) for extent, pair in zip(x.shape[2:], sides, strict=True)))
    return functional.pad(x, flat(sides), value=value)


def pairs(pad: Tensor | None, axes: int) -> Pairs:
    values = [0] * (2 * axes) if pad is None else pad.tolist()
    return list(zip(values[::2], values[1::2], strict=True))


def flat(padded: Pairs) -> list[int]:
    """In torch's order: last axis first."""
    return [side for pair in reversed(padded) for side in pair]


def steps_of(values: Tensor | None, axes: int) -> list[int]:
    """One for each axis where nothing is said. ValueError for any that leads nowhere."""
    found: list[int] = [1] * axes if values is None else values.tolist()
    if len(found) != axes or min(found) < 1:
        raise ValueError(f"steps of {found} in {axes} axes")
    return found
