"""What shape an operator's result will have, found without computing it.

A damaged or hostile program may declare one small shape and ask for a huge one; by the time the result can be looked
at, the memory is spent. So operators run on tensors without data first, as far as torch can do that.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.program import Operator, Type


def check_shapes(implementation: Callable[..., Any], operator: Operator, arguments: Mapping[str, Any]) -> None:
    """Raises UserError for a shape that is not declared. Says nothing where the shape needs the data; there the result
    is looked at when it is there."""
    try:
        with torch.device("meta"):
            results = implementation(**{name: _without_data(value) for name, value in arguments.items()})
    except Exception:  # torch cannot do it without data, or not at all: running it will say so
        return
    given = results if isinstance(results, tuple) else (results,)
    for result, (name, declared) in zip(given, operator.outputs, strict=False):
        if isinstance(result, torch.Tensor) and tuple(result.shape) != declared.shape:
            found = Type(declared.dtype, tuple(result.shape))
            raise UserError(f"{operator.kind} {name!r}: is {found} where the program says {declared}")


def _without_data(value: Any) -> Any:
    """Numbers that are no scalars lose their values; integers, which mostly are shapes and axes, keep them."""
    if isinstance(value, list):
        return [_without_data(one) for one in value]
    if isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim:
        return value.to("meta")
    return value
