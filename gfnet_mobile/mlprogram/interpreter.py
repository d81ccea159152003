"""Walks an ML program, operator by operator, on the CPU.

Every operator's result must have the type and shape that the program declares for it. Operators know nothing of
precision: floating values are *held* in float32 or float64 whatever the program declares, and between operators rounded
to what it declares where that is asked for.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.checks import LISTS, OWN, check_function
from gfnet_mobile.mlprogram.description import check_description
from gfnet_mobile.mlprogram.dry_run import check_shapes
from gfnet_mobile.mlprogram.ops import OPERATORS
from gfnet_mobile.mlprogram.package import open_package
from gfnet_mobile.mlprogram.pictures import image_inputs, pixels
from gfnet_mobile.mlprogram.program import FLOATS, Block, Function, Operator, Type, Value, read_function
from gfnet_mobile.mlprogram.weights import stored

Array = NDArray[Any]
Watch = Callable[[str, str, torch.Tensor], None]
State = dict[str, torch.Tensor]
"""what a stateful program keeps between predictions, by name"""

Precision = Literal["fp32", "fp16", "fp64"]
"""``fp32``: every float in float32, also where the program says float16. ``fp16``: arithmetic of an operator in
float32, its results rounded to float16 where the program stores float16. ``fp64``: every float in float64, for
comparisons that must notice the smallest change."""

TOGETHER = 2**30
"""elements of all results that are held at one time"""
ROUNDS = 10_000
"""of loops in one prediction; a damaged one might never end"""


@dataclass
class _Running:
    """A prediction on its way."""

    state: State
    watch: Watch
    rounds: int = 0


class Interpreter:
    """One function of a package, its constants in memory, weights decompressed."""

    def __init__(
        self, function: Function, precision: Precision = "fp32", images: Mapping[str, str] | None = None
    ) -> None:
        """``images``: which inputs are pictures, and the order of their channels."""
        self.inputs = function.inputs
        self.states = function.states
        self.images = dict(images or {})
        types = check_function(function)
        for name in function.outputs:
            if name not in types:
                raise UserError(f"output {name!r}: nothing in the program computes it")
        self.outputs = {name: types[name] for name in function.outputs}
        self.precision = precision
        self._held = torch.float64 if precision == "fp64" else torch.float32
        self.constants: dict[str, Any] = {name: self._hold(value) for name, value in function.constants.items()}
        self._operators = self._whole(function.operators)
        self._check_shapes(
            self._operators,
            self.constants | {name: self._empty(kind) for name, kind in (self.inputs | self.states).items()},
        )
        self._last = _last_uses(self._operators, {*self.constants, *self.outputs})
        _check_memory(self._operators, self._last)

    def _whole(self, operators: Sequence[Operator]) -> tuple[Operator, ...]:
        """Without the operators that make weights whole; those are what they are stored as, whatever the precision."""
        found = []
        for operator in operators:
            if operator.kind.startswith("constexpr_"):
                check_shapes(OPERATORS[operator.kind], operator, self._arguments(operator, self.constants))
                self.constants.update(self._run(operator, self.constants, rounded=True))
            else:
                blocks = (replace(block, operators=self._whole(block.operators)) for block in operator.blocks)
                found.append(replace(operator, blocks=tuple(blocks)))
        return tuple(found)

    def weights(self) -> list[torch.Tensor]:
        """Constants of floats that operators take, made whole; scalars are arguments."""
        read = {name for one in self._operators for name in _read(one)}
        tensors = [value for name, value in self.constants.items() if name in read and isinstance(value, torch.Tensor)]
        return [tensor for tensor in tensors if tensor.is_floating_point() and tensor.ndim]

    def make_state(self) -> State:
        """A state of zeros, as Core ML begins."""
        return {name: torch.zeros(kind.shape, dtype=self._held) for name, kind in self.states.items()}

    def predict(
        self, inputs: Mapping[str, Any], state: State | None = None, watch: Watch = lambda kind, name, result: None
    ) -> dict[str, Any]:
        """Outputs by name, in the dtypes of the program (float64 at ``fp64``); of a classifier the label, and a
        dictionary of probabilities. ``state`` is changed, and must be given where the program has one. Image inputs
        take what `pictures.pixels` does, or the program's own tensor. ``watch`` is told each operator's kind, name and
        result. Raises UserError for inputs of another name, shape or dtype."""
        if (state is None) == bool(self.states):
            raise UserError("the program keeps a state: pass one of make_state()" if self.states else "it has no state")
        wanted = self.inputs
        if set(inputs) != set(wanted):
            raise UserError(f"inputs {sorted(inputs)}; the program takes {sorted(wanted)}")
        values = dict(self.constants)
        for name, given in inputs.items():
            is_picture = name in self.images and getattr(given, "dtype", None) != wanted[name].dtype
            array = pixels(given, self.images[name]).astype(wanted[name].dtype) if is_picture else given
            if array.dtype != wanted[name].dtype or array.shape != wanted[name].shape:
                found = f"{array.dtype} {list(array.shape)}"
                raise UserError(f"input {name!r}: is {found} where the program says {wanted[name]}")
            values[name] = self._hold(array)
        running = _Running({} if state is None else state, watch)
        with torch.no_grad():
            for operator, unneeded in zip(self._operators, self._last, strict=True):
                values.update(self._done(operator, values, running))
                for name, _ in operator.outputs:
                    if isinstance(values[name], torch.Tensor):
                        watch(operator.kind, name, values[name])
                for name in unneeded:
                    values.pop(name, None)
        return {name: self._given(values[name], kind) for name, kind in self.outputs.items()}

    def _done(self, operator: Operator, values: Mapping[str, Any], running: _Running) -> dict[str, Any]:
        """Its results by name."""
        if operator.kind == "read_state":
            return {operator.name: running.state[operator.inputs["input"][0]]}
        if operator.kind == "write_state":
            running.state[operator.name] = self._written(operator, values)
            return {}
        if operator.kind == "cond":
            chosen = operator.blocks[0 if bool(values[operator.inputs["pred"][0]]) else 1]
            results = self._inside(chosen, [], values, running)
        elif operator.kind == "while_loop":
            condition, body = operator.blocks
            results = [values[name] for name in operator.inputs["loop_vars"]]
            while bool(self._inside(condition, results, values, running)[0]):
                running.rounds += 1
                if running.rounds > ROUNDS:
                    raise UserError(f"while_loop {operator.name!r}: more than {ROUNDS} rounds")
                results = self._inside(body, results, values, running)
        else:
            return self._run(operator, values, rounded=self.precision == "fp16")
        return dict(zip(dict(operator.outputs), results, strict=True))

    def _inside(self, block: Block, given: Sequence[Any], values: Mapping[str, Any], running: _Running) -> list[Any]:
        inside = {**values, **dict(zip(block.inputs, given, strict=True))}
        for operator in block.operators:
            inside.update(self._done(operator, inside, running))
        return [inside[name] for name in block.outputs]

    def _check_shapes(self, operators: Sequence[Operator], values: dict[str, Any]) -> None:
        """Every operator once, without data; ``values`` grow by its results."""
        for operator in operators:
            for block in operator.blocks:
                inputs = {name: self._empty(kind) for name, kind in block.inputs.items()}
                self._check_shapes(block.operators, {**values, **inputs})
            if operator.kind not in OWN:
                check_shapes(OPERATORS[operator.kind], operator, self._arguments(operator, values))
            values.update((name, self._empty(kind)) for name, kind in operator.outputs)

    def _empty(self, kind: Type) -> torch.Tensor | None:
        """A tensor of that type without data."""
        if kind.dtype in ("str", "int64", "dict"):
            return None
        dtype = self._held if kind.dtype in FLOATS else torch.from_numpy(np.zeros(0, stored(kind.dtype))).dtype
        return torch.empty(kind.shape, dtype=dtype, device="meta")

    def _written(self, operator: Operator, values: Mapping[str, Any]) -> torch.Tensor:
        data = values[operator.inputs["data"][0]]
        return self._checked(data, self.states[operator.name], f"write_state {operator.name!r}", rounded=True)

    def _arguments(self, operator: Operator, values: Mapping[str, Any]) -> dict[str, Any]:
        found = {argument: [values[name] for name in names] for argument, names in operator.inputs.items()}
        return {argument: given if argument in LISTS else given[0] for argument, given in found.items()}

    def _run(self, operator: Operator, values: Mapping[str, Any], rounded: bool) -> dict[str, torch.Tensor]:
        place = f"{operator.kind} {operator.name!r}"
        arguments = self._arguments(operator, values)
        try:
            results = OPERATORS[operator.kind](**arguments)
        except UserError:
            raise
        except Exception as error:  # torch and numpy raise whatever they like at arguments that make no sense
            raise UserError(f"{place}: {str(error)[:200]}") from error
        given = results if isinstance(results, tuple) else (results,)
        if len(given) != len(operator.outputs):
            raise UserError(f"{place}: {len(given)} results where the program has {len(operator.outputs)}")
        return {
            name: self._checked(result, declared, f"{operator.kind} {name!r}", rounded)
            for result, (name, declared) in zip(given, operator.outputs, strict=True)
        }

    def _checked(self, result: torch.Tensor, declared: Type, place: str, rounded: bool) -> torch.Tensor:
        """``result`` as it is held, if it is of the declared type."""
        if not isinstance(result, torch.Tensor):  # a classifier's label and its probabilities
            if declared.dtype != {"int": "int64"}.get(type(result).__name__, type(result).__name__):
                raise UserError(f"{place}: is {type(result).__name__} where the program says {declared}")
            return result
        dtype = str(result.dtype).removeprefix("torch.")
        right = declared.dtype in FLOATS if result.is_floating_point() else dtype == stored(declared.dtype).name
        if not right or tuple(result.shape) != declared.shape:
            raise UserError(f"{place}: is {dtype} {list(result.shape)} where the program says {declared}")
        if not result.is_floating_point():
            return result
        return (result.half() if rounded and declared.dtype == "float16" else result).to(self._held)

    def _hold(self, value: Value) -> Any:
        if isinstance(value, str | tuple):
            return value
        tensor = torch.from_numpy(np.array(value))
        return tensor.to(self._held) if tensor.is_floating_point() else tensor

    def _given(self, value: Any, declared: Type) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        array: Array = value.numpy()
        return array if self.precision == "fp64" or declared.dtype not in FLOATS else array.astype(declared.dtype)


def load(path: str | Path, precision: Precision = "fp32", function: str = "main") -> Interpreter:
    """A saved ``.mlpackage``, ready to run. Raises UserError for whatever in it is not understood."""
    if precision not in get_args(Precision):
        raise UserError(f"precision {precision!r}: must be one of {', '.join(get_args(Precision))}")
    package = open_package(Path(path))
    program = read_function(package, function)
    images = {name: order for name, order in image_inputs(package, function).items() if name in program.inputs}
    found = Interpreter(program, precision, images)
    outputs = [(name, found.outputs[name]) for name in program.outputs]
    check_description(package, function, list(program.inputs.items()), outputs, list(program.states.items()))
    return found


def _last_uses(operators: Sequence[Operator], kept: set[str]) -> list[list[str]]:
    """For each operator the values that nobody needs after it."""
    last: dict[str, int] = {}
    for number, operator in enumerate(operators):
        for name in (*_read(operator), *dict(operator.outputs)):
            last[name] = number
    found: list[list[str]] = [[] for _ in operators]
    for name, number in last.items():
        if name not in kept:
            found[number].append(name)
    return found


def _check_memory(operators: Sequence[Operator], last: Sequence[Sequence[str]]) -> None:
    """Raises UserError for a program whose results would not fit in memory together; what blocks compute stays until
    their round ends."""
    held: dict[str, int] = {}
    for operator, unneeded in zip(operators, last, strict=True):
        inside = sum(_sizes(operator).values())
        held |= {name: math.prod(kind.shape) for name, kind in operator.outputs}
        if sum(held.values()) + inside > TOGETHER:
            raise UserError(f"{operator.kind} {operator.name!r}: more than {TOGETHER} elements are held at one time")
        for name in unneeded:
            held.pop(name, None)


def _sizes(operator: Operator) -> dict[str, int]:
    """Elements of what its blocks' operators give."""
    found: dict[str, int] = {}
    for block in operator.blocks:
        for one in block.operators:
            found |= {name: math.prod(kind.shape) for name, kind in one.outputs} | _sizes(one)
    return found


def _read(operator: Operator) -> Iterator[str]:
    """Names of what it takes, its blocks' operators included."""
    for names in operator.inputs.values():
        yield from names
    for block in operator.blocks:
        yield from block.outputs
        for one in block.operators:
            yield from _read(one)
