"""Walks an ML program, operator by operator, on the CPU.

Every operator's result must have the type and shape that the program declares for it. Operators know nothing of
precision: floating values are *held* in float32 or float64 whatever the program declares, and between operators rounded
to what it declares where that is asked for.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

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

Precision = Literal["fp32", "fp16", "fp64"]
"""``fp32``: every float in float32, also where the program says float16. ``fp16``: arithmetic of an operator in
float32, its results rounded to float16 where the program stores float16. ``fp64``: every float in float64, for
comparisons that must notice the smallest change."""

FLOATS = ("float16", "float32")
MIXED = ("cast", "crop_resize", "resample", "quantize", "dequantize")
"""operators whose floating inputs and results may differ in type"""


class Interpreter:
    """One function of a package, its constants in memory, weights decompressed."""

    def __init__(self, function: Function, precision: Precision = "fp32") -> None:
        self.inputs = function.inputs
        self.outputs = _declared(function)
        self.precision = precision
        self._held = torch.float64 if precision == "fp64" else torch.float32
        self._constants: dict[str, Any] = {name: self._hold(value) for name, value in function.constants.items()}
        self._operators = []
        types = dict(function.inputs)
        for operator in function.operators:
            _check_arguments(operator)
            _check_floats(operator, types)
            types.update(operator.outputs)
            if operator.kind.startswith("constexpr_"):  # weights are what they are stored as, whatever the precision
                self._constants.update(self._run(operator, self._constants, rounded=True))
            else:
                self._operators.append(operator)

    def predict(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Outputs by name, in the dtypes of the program (float64 at ``fp64``). Raises UserError for inputs of another
        name, shape or dtype."""
        wanted = self.inputs
        if set(inputs) != set(wanted):
            raise UserError(f"inputs {sorted(inputs)}; the program takes {sorted(wanted)}")
        values = dict(self._constants)
        for name, array in inputs.items():
            if array.dtype != wanted[name].dtype or array.shape != wanted[name].shape:
                found = f"{array.dtype} {list(array.shape)}"
                raise UserError(f"input {name!r}: is {found} where the program says {wanted[name]}")
            values[name] = self._hold(array)
        with torch.no_grad():
            for operator in self._operators:
                values.update(self._run(operator, values, rounded=self.precision == "fp16"))
        return {name: self._given(values[name], kind) for name, kind in self.outputs.items()}

    def _run(self, operator: Operator, values: Mapping[str, Any], rounded: bool) -> dict[str, torch.Tensor]:
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
        return {
            name: self._checked(result, declared, f"{operator.kind} {name!r}", rounded)
            for result, (name, declared) in zip(given, operator.outputs, strict=True)
        }

    def _checked(self, result: torch.Tensor, declared: Type, place: str, rounded: bool) -> torch.Tensor:
        """``result`` as it is held, if it is of the declared type."""
        dtype = str(result.dtype).removeprefix("torch.")
        right = declared.dtype in FLOATS if result.is_floating_point() else dtype == declared.dtype
        if not right or tuple(result.shape) != declared.shape:
            raise UserError(f"{place}: is {dtype} {list(result.shape)} where the program says {declared}")
        if not result.is_floating_point():
            return result
        return (result.half() if rounded and declared.dtype == "float16" else result).to(self._held)

    def _hold(self, value: Value) -> Any:
        if isinstance(value, str):
            return value
        tensor = torch.from_numpy(np.array(value))
        return tensor.to(self._held) if tensor.is_floating_point() else tensor

    def _given(self, value: torch.Tensor, declared: Type) -> Array:
        array: Array = value.numpy()
        return array if self.precision == "fp64" or declared.dtype not in FLOATS else array.astype(declared.dtype)


def _declared(function: Function) -> dict[str, Type]:
    """Types of the outputs."""
    types = dict(function.inputs) | {name: kind for one in function.operators for name, kind in one.outputs}
    for name in function.outputs:
        if name not in types:
            raise UserError(f"output {name!r}: nothing in the program computes it")
    return {name: types[name] for name in function.outputs}


def load(path: str | Path, precision: Precision = "fp32", function: str = "main") -> Interpreter:
    """A saved ``.mlpackage``, ready to run. Raises UserError for whatever in it is not understood."""
    if precision not in get_args(Precision):
        raise UserError(f"precision {precision!r}: must be one of {', '.join(get_args(Precision))}")
    return Interpreter(read_function(open_package(Path(path)), function), precision)


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


def _check_floats(operator: Operator, types: Mapping[str, Type]) -> None:
    """Held in one type, float16 and float32 could be mixed unseen; no operator but a cast may."""
    if operator.kind in MIXED:
        return
    names = (name for names in operator.inputs.values() for name in names)
    inputs = {types[name].dtype for name in names if name in types and types[name].dtype in FLOATS}
    results = {declared.dtype for _, declared in operator.outputs if declared.dtype in FLOATS}
    if len(inputs) > 1 or (inputs and results and results != inputs):
        place = f"{operator.kind} {operator.name!r}"
        raise UserError(f"{place}: takes {' and '.join(sorted(inputs))}, gives {' and '.join(sorted(results))}")
