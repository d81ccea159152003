"""A program's own record of what its operators compute, so that a later change of any of them is noticed.

Golden vectors say that a program is right, but a weight that is one bit off hides in their tolerance. Here every
operator's result on a few random inputs is recorded when the program is written, in float64, as one number: its dot
product with a fixed random vector. So is every constant, since no few inputs look up all rows of a table. Whoever runs
the program later must find the same numbers.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.interpreter import Interpreter
from gfnet_mobile.mlprogram.program import Type

COUNT = 8
"""random inputs, each with its negative: a unit that one of them switches off is on for the other"""
TOLERANCE = 1e-11
"""of a result's norm; float64 rounds at 1e-16, in another order on another processor"""


class Record(BaseModel):
    """What one graph's operators gave, [COUNT][operators], and what it holds, [constants]."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kinds: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    constants: tuple[float, ...]


@dataclass(frozen=True)
class Seen:
    """An operator's result on one input, or a constant."""

    kind: str
    name: str
    value: float
    norm: float


def record(program: Interpreter) -> Record:
    """``program`` must hold float64. Raises UserError where an operator gives no finite number."""
    seen = [list(_watched(program, number)) for number in range(COUNT)]
    for one in (one for row in seen for one in row):
        if not np.isfinite(one.value):
            raise UserError(f"{one.kind} {one.name!r}: gives {one.value} for a random input")
    return Record(
        kinds=tuple(one.kind for one in seen[0]),
        values=tuple(tuple(one.value for one in row) for row in seen),
        constants=tuple(one.value for one in _constants(program)),
    )


def compare(program: Interpreter, recorded: Record) -> str:
    """The first operator that computes something else than it did, or constant that changed, and how far off it is;
    "" if there is none."""
    for number, values in enumerate(recorded.values):
        seen = list(_watched(program, number))
        for kind, one in zip(recorded.kinds, seen, strict=False):
            if one.kind != kind:
                return f"{one.kind} {one.name!r}: was {kind} when exported"
        if problem := _changed(seen, values):
            return problem
    return _changed(list(_constants(program)), recorded.constants)


def _changed(seen: Sequence[Seen], values: Sequence[float]) -> str:
    if len(seen) != len(values):
        return f"{len(seen)} results of operators or constants, {len(values)} when exported"
    for one, value in zip(seen, values, strict=True):
        if not abs(one.value - value) <= TOLERANCE * one.norm:  # NaN is a difference
            share = abs(one.value - value) / (one.norm or 1.0)
            return f"{one.kind} {one.name!r}: differs by {share:.1g} of its norm from what it was when exported"
    return ""


def _constants(program: Interpreter) -> Iterator[Seen]:
    for name, value in program.constants.items():
        if isinstance(value, torch.Tensor):  # attention compares its scores with -inf
            yield _seen("constant", name, value.to(torch.float64).nan_to_num(posinf=1.0, neginf=-1.0))


def _seen(kind: str, name: str, tensor: torch.Tensor) -> Seen:
    flat = tensor.to(torch.float64).flatten().numpy()
    return Seen(kind, name, float(flat @ _projection(len(flat))), float(np.linalg.norm(flat)))


def write(records: Mapping[str, Record], file: Path) -> None:
    content = {graph: one.model_dump(mode="json") for graph, one in records.items()}
    file.write_text(json.dumps(content) + "\n")


def read(file: Path, graphs: Iterable[str]) -> dict[str, Record]:
    """Graph → its record. Raises UserError unless there is one of each graph."""
    try:
        found = TypeAdapter(dict[str, Record]).validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(f"{file}: no record of operators; export the bundle again") from error
    for graph in graphs:
        if graph not in found or len(found[graph].values) != COUNT:
            raise UserError(f"{file}: no record of graph {graph!r}; export the bundle again")
    return found


def _watched(program: Interpreter, number: int) -> Iterator[Seen]:
    generator = np.random.default_rng(number // 2)
    inputs = {name: _drawn(kind, generator, number) for name, kind in sorted(program.inputs.items())}
    seen: list[Seen] = []

    def watch(kind: str, name: str, result: torch.Tensor) -> None:
        seen.append(_seen(kind, name, result))

    state = program.make_state() if program.states else None
    program.predict(inputs, state, watch)
    return iter(seen)


def _drawn(kind: Type, generator: np.random.Generator, number: int) -> NDArray[Any]:
    """Like pixels, like features, or larger."""
    if not kind.dtype.startswith("float"):
        return generator.integers(0, 8, kind.shape).astype(kind.dtype)
    pair, sign = number // 2, 1 - 2 * (number % 2)
    values = generator.standard_normal(kind.shape) * 2 ** (pair - 1) if pair else generator.random(kind.shape)
    return (sign * values).astype(kind.dtype)


@cache
def _vector() -> NDArray[np.float64]:
    return np.random.default_rng(2**20).standard_normal(2**20)


def _projection(size: int) -> NDArray[np.float64]:
    """Repeated for a result of more than a million elements."""
    return np.resize(_vector(), size) if size > 2**20 else _vector()[:size]
