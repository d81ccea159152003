"""What is checked of a program before any of it is computed: each operator is known, has the arguments that it must
have and no others, takes what was computed before it, and mixes no two types of floats."""

import inspect
from collections.abc import Mapping, Sequence

import numpy as np

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.ops import OPERATORS
from gfnet_mobile.mlprogram.program import FLOATS, Block, Function, Operator, Type

LISTS = ("values", "ref_tensors", "begins", "ends", "end_masks", "loop_vars")
"""arguments that take many values"""
MIXED = ("cast", "crop_resize", "resample", "reshape_like", "quantize", "dequantize", "scaled_dot_product_attention")
"""operators whose floating inputs and results may differ in type"""
OWN = {
    "read_state": {"input"},
    "write_state": {"input", "data"},
    "cond": {"pred"},
    "while_loop": {"loop_vars"},
}
"""operators that the interpreter does itself, and their arguments"""


def check_function(function: Function) -> dict[str, Type]:
    """Types of all values outside of blocks. Raises UserError, with its place, for what would not be understood."""
    types = function.inputs | function.states
    for name, value in function.constants.items():
        if isinstance(value, np.ndarray):
            types[name] = Type(str(value.dtype), value.shape)
        else:
            types[name] = Type("str", ())
    return _checked(function.operators, types, function)


def _checked(operators: Sequence[Operator], types: dict[str, Type], function: Function) -> dict[str, Type]:
    """``types`` and those of the operators' results."""
    for operator in operators:
        place = f"{operator.kind} {operator.name!r}"
        _check_arguments(operator, place)
        for name in (name for names in operator.inputs.values() for name in names):
            if name not in types:
                raise UserError(f"{place}: {name!r} is not computed before it is used")
        if "state" in operator.kind and operator.kind in OWN and operator.inputs["input"][0] not in function.states:
            raise UserError(f"{place}: reads or writes no state of the program")
        _check_floats(operator, types, function)
        results = [_results(block, types, function, place) for block in operator.blocks]
        _check_blocks(operator, [types[name] for name in operator.inputs.get("loop_vars", ())], results, place)
        types |= dict(operator.outputs)
    return types


def _results(block: Block, types: Mapping[str, Type], function: Function, place: str) -> list[Type]:
    inside = _checked(block.operators, {**types, **block.inputs}, function)
    for name in block.outputs:
        if name not in inside:
            raise UserError(f"{place}: nothing in its block computes {name!r}")
    return [inside[name] for name in block.outputs]


def _check_blocks(operator: Operator, carried: list[Type], results: list[list[Type]], place: str) -> None:
    """A condition's branches take nothing and give its results. A loop's condition and body take what it carries; one
    gives a truth value, the other what is carried on."""
    declared = [kind for _, kind in operator.outputs]
    inputs = [list(block.inputs.values()) for block in operator.blocks]
    if operator.kind == "cond":
        right = inputs == [[], []] and results == [declared, declared]
    elif operator.kind == "while_loop":
        right = inputs == [carried, carried] and results[0] in ([Type("bool", ())], [Type("bool", (1,))])
        right = right and results[1] == carried == declared
    else:
        right = not operator.blocks
    if not right:
        raise UserError(f"{place}: its blocks do not take and give what it does")


def _check_arguments(operator: Operator, place: str) -> None:
    if operator.kind in OWN:
        if set(operator.inputs) != OWN[operator.kind]:
            raise UserError(f"{place}: arguments {sorted(operator.inputs)}; it takes {sorted(OWN[operator.kind])}")
    elif operator.kind not in OPERATORS:
        raise UserError(f"{place}: operator {operator.kind!r} is not understood")
    else:
        try:
            inspect.signature(OPERATORS[operator.kind]).bind(**dict.fromkeys(operator.inputs))
        except TypeError as error:
            raise UserError(f"{place}: {error}") from error
    for argument, names in operator.inputs.items():
        if argument not in LISTS and len(names) != 1:
            raise UserError(f"{place}: {len(names)} values for {argument!r}")


def _check_floats(operator: Operator, types: Mapping[str, Type], function: Function) -> None:
    """Held in one type, float16 and float32 could be mixed unseen; no operator but a cast may."""
    if operator.kind in MIXED or operator.blocks:
        return
    names = (name for names in operator.inputs.values() for name in names if name not in function.constants)
    inputs = {types[name].dtype for name in names if types[name].dtype in FLOATS}
    results = {declared.dtype for _, declared in operator.outputs if declared.dtype in FLOATS}
    if len(inputs) > 1 or (inputs and results and results != inputs):
        place = f"{operator.kind} {operator.name!r}"
        raise UserError(f"{place}: takes {' and '.join(sorted(inputs))}, gives {' and '.join(sorted(results))}")
