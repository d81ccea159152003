"""How large a tensor may be, and which axes it has. A hostile program may ask for any size in a few bytes."""

import math
from collections.abc import Sequence

LARGEST = 2**28
"""elements of a tensor"""


def affordable(shape: Sequence[int]) -> bool:
    """Neither more elements than are allowed, nor an extent that would be if another were not 0."""
    return math.prod(shape) <= LARGEST and all(0 <= extent <= LARGEST for extent in shape)


class TooLarge(ValueError):
    """A size that no tensor may have."""


def bounded(*shape: int) -> tuple[int, ...]:
    """``shape``, for what makes tensors larger than those it is given. Raises TooLarge."""
    if not affordable(shape):
        raise TooLarge(f"{list(shape)} has more than {LARGEST} elements or fewer than none")
    return shape


def axis_of(axis: int, rank: int) -> int:
    """From 0 on. ValueError for one that is not there."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of {rank}")
    return axis % rank
