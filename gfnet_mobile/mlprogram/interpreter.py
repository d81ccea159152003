"""Walks an ML program, operator by operator, in float32 on the CPU.

Every operator's result must have the type and shape that the program declares for it.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.ops import OPERATORS
from gfnet_mobile.mlprogram.package import open_package
from gfnet_mobile.mlprogram.program import Function, Operator, Type, Value, read_function

Array = NDArray[Any]

LIST = "values"
"""the one argument that takes many values"""


class Interpreter:
    """One function of a package, its constants in memory."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.inputs = function.inputs
        self.outputs = _declared(function)
        self._constants = {name: _torch(value) for name, value in function.constants.items()}
        for operator in function.operators:
            _check_arguments(operator)

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name. Raises UserError for inputs of another name, shape or dtype."""
        wanted = self.inputs
        if set(inputs) != set(wanted):
            raise UserError(f"inputs {sorted(inputs)}; the program takes {sorted(wanted)}")
        values: dict[str, Any] = dict(self._constants)
        for name, array in inputs.items():
            values[name] = torch.from_numpy(np.ascontiguousarray(array))
            _check_type(values[name], wanted[name], f"input {name!r}")
        with torch.no_grad():
            for operator in self.function.operators:
                values.update(_run(operator, values))
        return {name: values[name].numpy() for name in self.outputs}


def _declared(function: Function) -> dict[str, Type]:
    """Types of the outputs."""
    types = dict(function.inputs) | {name: kind for one in function.operators for name, kind in one.outputs}
    for name in function.outputs:
        if name not in types:
            raise UserError(f"output {name!r}: nothing in the program computes it")
    return {name: types[name] for name in function.outputs}


def load(path: str | Path, function: str = "main") -> Interpreter:
    """A saved ``.mlpackage``, ready to run. Raises UserError for whatever in it is not understood."""
    return Interpreter(read_function(open_package(Path(path)), function))


def _check_arguments(operator: Operator) -> None:
    place = f"{operator.kind} {operator.name!r}"
    if operator.kind not in OPERATORS:
        raise UserError(f"{place}: operator {operator.kind!r} is not understood")
    try:
        inspect.signature(OPERATORS[operator.kind]).bind(**dict.fromkeys(operator.inputs))
    except TypeError as error:
        raise UserError(f"{place}: {error}") from error
    for argument, names in operator.inputs.items():
        if argument != LIST and len(names) != 1:
            raise UserError(f"{place}: {len(names)} values for {argument!r}")


def _run(operator: Operator, values: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    place = f"{operator.kind} {operator.name!r}"
    arguments: dict[str, Any] = {}
    for argument, names in operator.inputs.items():
        for name in names:
            if name not in values:
                raise UserError(f"{place}: {name!r} is not computed before it is used")
        found = [values[name] for name in names]
        arguments[argument] = found if argument == LIST else found[0]
    try:
        results = OPERATORS[operator.kind](**arguments)
    except (RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise UserError(f"{place}: {' '.join(str(error).split())[:200]}") from error
    given = results if isinstance(results, tuple) else (results,)
    if len(given) != len(operator.outputs):
        raise UserError(f"{place}: {len(given)} results where the program has {len(operator.outputs)}")
    for result, (name, declared) in zip(given, operator.outputs, strict=True):
        _check_type(result, declared, f"{operator.kind} {name!r}")
    return {name: result for result, (name, _) in zip(given, operator.outputs, strict=True)}


def _torch(value: Value) -> Any:
    return value if isinstance(value, str) else torch.from_numpy(np.array(value))


def _check_type(found: torch.Tensor, declared: Type, place: str) -> None:
    dtype = str(found.dtype).removeprefix("torch.")
    if dtype != declared.dtype or tuple(found.shape) != declared.shape:
        raise UserError(f"{place}: is {dtype} {list(found.shape)} where the program says {declared}")
