"""Padding of windows that slide, as convolution and pooling have it."""

from torch import Tensor

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


def pairs(pad: Tensor | None, axes: int) -> Pairs:
    values = [0] * (2 * axes) if pad is None else pad.tolist()
    return list(zip(values[::2], values[1::2], strict=True))


def flat(padded: Pairs) -> list[int]:
    """In torch's order: last axis first."""
    return [side for pair in reversed(padded) for side in pair]


def ones(values: Tensor | None, axes: int) -> list[int]:
    return [1] * axes if values is None else values.tolist()
