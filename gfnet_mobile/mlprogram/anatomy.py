"""What a Core ML package is made of: operators, weights, work, and what may keep it off the Neural Engine."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gfnet_mobile.mlprogram.interpreter import load
from gfnet_mobile.mlprogram.package import open_package
from gfnet_mobile.mlprogram.program import Function, Type, read_function

SYSTEMS = {6: "iOS 15", 7: "iOS 16", 8: "iOS 17", 9: "iOS 18", 10: "iOS 26"}
"""specification version → the first system that reads it (``coremltools.target``)"""

_LAYERS = "hollance/neural-engine, docs/unsupported-layers.md"
_SURFACE = "ane-guide.readthedocs.io, chapter 4"
_TYPED = "coremltools guide, Typed Execution"
_FLOAT32 = "in float32: the Neural Engine computes in float16 only"
OBSTACLES = {
    "gather": ("gathers at indices", _LAYERS),
    "gather_along_axis": ("gathers at indices", _LAYERS),
    "gather_nd": ("gathers at indices", _LAYERS),
    "scatter": ("scatters to indices", _SURFACE),
    "scatter_along_axis": ("scatters to indices", _SURFACE),
    "scatter_nd": ("scatters to indices", _SURFACE),
    "gru": ("a recurrent cell", _LAYERS),
    "lstm": ("a recurrent cell", _LAYERS),
    "rnn": ("a recurrent cell", _LAYERS),
    "reduce_prod": ("a product over an axis", _SURFACE),
}
"""operators that are known to leave the Neural Engine: why, and who says so. Only a phone's compute plan is certain."""


@dataclass(frozen=True)
class Anatomy:
    operators: dict[str, int]
    """kind → how many, most frequent first; constants and the decompression of weights left out"""
    parameters: int
    """weights, made whole"""
    stored: dict[str, int]
    """encoding of constants → bytes"""
    multiply_adds: int
    inputs: dict[str, Type]
    pictures: dict[str, str]
    """inputs that are pixel buffers, and the order of their channels"""
    outputs: dict[str, Type]
    system: str
    """the first that reads the package"""
    obstacles: tuple[str, ...]
    """what may keep it off the Neural Engine, each with its source"""


def anatomy(path: Path, function: str = "main") -> Anatomy:
    """Raises UserError for a package that the interpreter refuses."""
    from gfnet_mobile.measure.cost import counted

    package = open_package(path)
    source = read_function(package, function)
    program = load(path, function=function)
    given = {name: np.zeros(kind.shape, kind.dtype) for name, kind in program.inputs.items()}
    kinds = Counter(one.kind for one in source.operators if not one.kind.startswith("constexpr_"))
    version = package.model.specificationVersion
    return Anatomy(
        operators=dict(kinds.most_common()),
        parameters=sum(value.numel() for value in program.weights()),
        stored=_stored(source),
        multiply_adds=counted(lambda: program.predict(given, program.make_state() if program.states else None)),
        inputs=program.inputs,
        pictures=program.images,
        outputs=program.outputs,
        system=SYSTEMS.get(version, f"specification version {version}"),
        obstacles=tuple(_obstacles(source, kinds)),
    )


def _stored(source: Function) -> dict[str, int]:
    """Bytes of constants by how they are kept: their dtype, or the operator that makes them whole."""
    whole = {
        name: one.kind.removeprefix("constexpr_")
        for one in source.operators
        if one.kind.startswith("constexpr_")
        for names in one.inputs.values()
        for name in names
    }
    found: Counter[str] = Counter()
    for name, value in source.constants.items():
        if isinstance(value, np.ndarray):
            found[whole.get(name, str(value.dtype))] += value.nbytes
    return dict(found.most_common())


def dtypes_of(path: Path, function: str = "main") -> dict[str, str]:
    """The dtype of what each operator computes, by name. Raises UserError for a package that cannot be read."""
    operators = read_function(open_package(path), function).operators
    return {name: kind.dtype for one in operators for name, kind in one.outputs}


def obstacle(kind: str, dtype: str) -> str:
    """What keeps an operator that computes ``dtype`` off the Neural Engine, and who says so; "" if nothing is known."""
    if kind in OBSTACLES:
        why, who = OBSTACLES[kind]
        return f"{why} ({who})"
    return f"{_FLOAT32} ({_TYPED})" if dtype == "float32" else ""


def _obstacles(source: Function, kinds: Counter[str]) -> list[str]:
    found = [f"{kinds[kind]} {kind}: {why} ({who})" for kind, (why, who) in OBSTACLES.items() if kinds[kind]]
    whole = [one for one in source.operators if any(kind.dtype == "float32" for _, kind in one.outputs)]
    working = [one for one in whole if one.kind not in ("cast", "constexpr_cast")]
    if working:
        found.append(f"{len(working)} operators {_FLOAT32} ({_TYPED})")
    return found
