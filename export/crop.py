"""How a patch is cut out: inside the policy's graph, in one of two forms, or by the host.

``slice``, the default, is one operator of our own, so that each target can have it in the form that is fastest there.
What torch's operators offer for a position that is data is selecting rows and columns by index. That copies float by
float: a patch of 64 pixels out of 224 takes ONNX Runtime some 55 µs on one core, a slice takes less than 5.
"""

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor

CropForm = Literal["slice", "one-hot", "host"]
"""``host``: the policy gives a position only, and a runner's built-in ``crop`` cuts"""
FORMS: tuple[CropForm, ...] = get_args(CropForm)
Cut = Callable[[Tensor, Tensor, int], Tensor]
"""image, position, P → patch"""


@torch.library.custom_op("gfnet_mobile::crop", mutates_args=())
def crop(image: Tensor, position: Tensor, patch: int) -> Tensor:
    """``image`` [1, 3, S, S], ``position`` int32 [1, 2] (row, column) → ``patch`` [1, 3, P, P]."""
    row, column = position[0].tolist()
    return image[:, :, row : row + patch, column : column + patch].clone()


@crop.register_fake
def _shape(image: Tensor, position: Tensor, patch: int) -> Tensor:
    return image.new_empty(*image.shape[:2], patch, patch)


def crop_by_slices(image: Tensor, position: Tensor, patch: int) -> Tensor:
    """The same in torch's operators, for targets that know slices whose start is data."""
    for dimension, start in zip((2, 3), position[0].unbind(), strict=True):
        first: Any = start.item()  # a number that torch.export knows by name only
        torch._check(first >= 0)
        torch._check(first <= image.shape[dimension] - patch)
        image = image.narrow(dimension, first, patch)
    return image.clone()


def crop_by_products(image: Tensor, position: Tensor, patch: int) -> Tensor:
    """The same as two products with matrices that have a single one in each row: nothing but arithmetic, which is what
    a neural engine has. 2 · 3 · P · S · (S + P) floating operations, and exact: all other terms are zeros."""
    steps = torch.arange(patch, dtype=torch.int32)[:, None]
    rows, columns = (
        (position[0, axis] + steps == torch.arange(extent, dtype=torch.int32)).to(image.dtype)
        for axis, extent in enumerate(image.shape[2:])
    )
    return rows @ image @ columns.T


CROPS: dict[CropForm, Cut] = {"slice": crop, "one-hot": crop_by_products}
