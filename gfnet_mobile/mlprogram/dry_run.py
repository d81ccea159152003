"""What shape an operator's result will have, found without computing it.

A damaged or hostile program may declare one small shape and ask for a huge one; by the time the result can be looked
at, the memory is spent. So operators run on tensors without data first, as far as torch can do that; those that make
something larger out of numbers look at the size themselves (``ops.sizes``).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.ops.sizes import TooLarge
from gfnet_mobile.mlprogram.program import Operator, Type

SAY_WHERE = (
    "axes", "begin", "begins", "block_shape", "crop_height", "crop_width", "crops", "dilations", "end", "end_masks",
    "begin_mask", "end_mask", "squeeze_mask", "ends", "kernel_sizes", "output_shape", "pad", "paddings", "perm", "reps",
    "shape", "size", "split_sizes", "stride", "strides",
)  # fmt: skip
"""arguments that say where and how much; they keep their values"""


def check_shapes(implementation: Callable[..., Any], operator: Operator, arguments: Mapping[str, Any]) -> None:
    """Raises UserError for a shape that is not declared. Says nothing where the shape needs the data; there the result
    is looked at when it is there."""
    try:
        with torch.device("meta"):
            results = implementation(**{name: _without_data(value, name) for name, value in arguments.items()})
    except TooLarge as error:
        raise UserError(f"{operator.kind} {operator.name!r}: {error}") from error
    except Exception:  # torch cannot do it without data, or not at all: running it will say so
        return
    given = results if isinstance(results, tuple) else (results,)
    for result, (name, declared) in zip(given, operator.outputs, strict=False):
        if isinstance(result, torch.Tensor) and tuple(result.shape) != declared.shape:
            found = Type(declared.dtype, tuple(result.shape))
            raise UserError(f"{operator.kind} {name!r}: is {found} where the program says {declared}")


def _without_data(value: Any, argument: str) -> Any:
    """Scalars keep their values, too."""
    if isinstance(value, list):
        return [_without_data(one, argument) for one in value]
    if isinstance(value, torch.Tensor) and value.ndim and argument not in SAY_WHERE:
        return value.to("meta")
    return value
