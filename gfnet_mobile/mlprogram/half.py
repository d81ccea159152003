"""Proof by structure that a float16 program is a float32 one, rounded.

Numbers alone cannot tell rounding from a small mistake. So: leave out casts between floats; then both programs must
have the same operators in the same order, on the same values, with the same constants, each float16 one its float32
one rounded.
"""

import numpy as np

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.program import FLOATS, Function, Operator, Type, Value


def prove_half(whole: Function, half: Function) -> int:
    """The number of operators that were compared. Raises UserError that names the first one that differs."""
    first, second = _Plain(whole), _Plain(half)
    names: dict[str, str] = {}
    if whole.inputs != half.inputs:
        raise UserError("the float16 program takes other inputs than the float32 one")
    names.update({name: name for name in whole.inputs})
    for number, operator in enumerate(second.operators):
        place = f"float16 program: {operator.kind} {operator.name!r}"
        if number >= len(first.operators):
            raise UserError(f"{place}: is not in the float32 program")
        _compare(first, first.operators[number], second, operator, names, place)
    if len(first.operators) != len(second.operators):
        missing = first.operators[len(second.operators)]
        raise UserError(f"float16 program: {missing.kind} {missing.name!r} of the float32 program is missing")
    ends = [names.get(second.origin(name)) for name in half.outputs]
    if ends != [first.origin(name) for name in whole.outputs]:
        raise UserError("the float16 program gives other values than the float32 one")
    return len(second.operators)


class _Plain:
    """A program without its casts between floats."""

    def __init__(self, function: Function) -> None:
        self.constants = function.constants
        types = dict(function.inputs) | {name: kind for one in function.operators for name, kind in one.outputs}
        self._through: dict[str, str] = {}
        self.operators = []
        for operator in function.operators:
            source = operator.inputs["x"][0] if operator.kind == "cast" else ""
            if source in types and types[source].dtype in FLOATS and operator.outputs[0][1].dtype in FLOATS:
                self._through[operator.name] = source
            else:
                self.operators.append(operator)

    def origin(self, name: str) -> str:
        """What ``name`` was before it was cast."""
        while name in self._through:
            name = self._through[name]
        return name


def _compare(
    first: _Plain, wanted: Operator, second: _Plain, found: Operator, names: dict[str, str], place: str
) -> None:
    """``names``: values of the float16 program that are known, and what they are in the float32 program."""
    if found.blocks or wanted.blocks:
        raise UserError(f"{place}: has blocks of its own, which are not compared")
    if found.kind != wanted.kind:
        raise UserError(f"{place}: the float32 program has {wanted.kind} {wanted.name!r} there")
    if set(found.inputs) != set(wanted.inputs):
        raise UserError(f"{place}: its arguments are not those of the float32 program")
    for argument, given in found.inputs.items():
        others = wanted.inputs[argument]
        if len(given) != len(others):
            raise UserError(f"{place}: {argument!r} has {len(given)} values, {len(others)} in the float32 program")
        for one, other in zip(map(second.origin, given), map(first.origin, others), strict=True):
            if one in second.constants and other in first.constants:
                if not _rounded(second.constants[one], first.constants[other], found.kind):
                    raise UserError(f"{place}: constant {argument!r} is not the float32 one rounded")
            elif one not in names or names[one] != other:
                raise UserError(f"{place}: {argument!r} is another value than in the float32 program")
    for (name, kind), (other, declared) in zip(found.outputs, wanted.outputs, strict=True):
        if not _alike(kind, declared):
            raise UserError(f"{place}: gives {kind}, the float32 program {declared}")
        names[name] = other


def _rounded(found: Value, wanted: Value, kind: str) -> bool:
    if not isinstance(found, np.ndarray) or not isinstance(wanted, np.ndarray):
        return found == wanted or (kind == "cast" and {found, wanted} <= {"fp16", "fp32"})
    if found.dtype.kind != "f":
        return found.dtype == wanted.dtype and np.array_equal(found, wanted)
    with np.errstate(over="ignore"):
        return wanted.dtype == np.float32 and np.array_equal(found, wanted.astype(found.dtype), equal_nan=True)


def _alike(found: Type, declared: Type) -> bool:
    return found.shape == declared.shape and (
        found.dtype == declared.dtype or (found.dtype in FLOATS and declared.dtype in FLOATS)
    )
