"""ExecuTorch programs for the Core ML delegate, interpreted: the package is taken out of the program again.

Reads whatever ExecuTorch's ``CoreMLPartitioner`` lowers whole, not only what ``export`` writes. ExecuTorch's reader of
programs imports its compiler: that takes seconds.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gfnet_mobile.bundle.manifest import GraphFile
from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram import Precision
from gfnet_mobile.mlprogram import load as load_program
from gfnet_mobile.mlprogram.payload import unflatten
from gfnet_mobile.quiet import quiet
from gfnet_mobile.runtimes.coreml import InterpretedRuntime, Opened

with quiet():
    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.exir.schema import DelegateCall

DELEGATE = "CoreMLBackend"
PACKAGE, METADATA = "model.mlpackage", "metadata.json"
"""what the delegate looks for in its payload"""


@dataclass(frozen=True)
class Delegated:
    """A method that is one call of the Core ML delegate."""

    files: dict[str, bytes]
    """of the folder that the delegate carries"""
    inputs: dict[int, str]
    """argument of the method → what the package calls it; one that nothing depends on is left out"""
    outputs: dict[int, str]


def open_program(path: Path, file: GraphFile, precision: Precision) -> Opened:
    """The package in a ``.pte``, and which of its tensors the graph's are. Raises UserError for whatever is not
    understood."""
    found = delegated(path, file.entry)
    names: dict[str, str] = {}
    for what, tensors, places in (("input", file.inputs, found.inputs), ("output", file.outputs, found.outputs)):
        if max(places, default=-1) >= len(tensors):
            raise UserError(f"{path}: has more than the {len(tensors)} {what}s of the manifest")
        names.update({tensors[place]: name for place, name in places.items()})
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps what is mapped into memory
        for name, content in found.files.items():
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).write_bytes(content)
        try:
            return Opened(load_program(Path(folder) / PACKAGE, precision), names)
        except UserError as error:
            raise UserError(f"{path}: {str(error).replace(f'{folder}/', '')}") from error


def delegated(path: Path, method: str) -> Delegated:
    """Raises UserError unless the method is one call of the Core ML delegate and nothing else."""
    try:
        return _delegated(path.read_bytes(), method)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {(error.strerror or '').lower()}") from error
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except Exception as error:  # a damaged flatbuffer makes its reader trip over anything, or gives None for a list
        raise UserError(f"{path}: no ExecuTorch program, or a damaged one; export again") from error


def _delegated(content: bytes, method: str) -> Delegated:
    program = deserialize_pte_binary(content).program
    plans = {plan.name: plan for plan in program.execution_plan}
    if method not in plans:
        raise UserError(f"no method {method!r}; it has {', '.join(plans)}")
    plan = plans[method]
    arguments = _only_call(plan)
    files = unflatten(bytes(program.backend_delegate_data[plan.delegates[0].processed.index].data))
    inputs, outputs = _names(files)
    if len(arguments) != len(inputs) + len(outputs):
        raise UserError(f"{METADATA} names {len(inputs) + len(outputs)} tensors, its call {len(arguments)}")
    return Delegated(
        files,
        {plan.inputs.index(place): name for place, name in zip(arguments, inputs, strict=False)},
        {plan.outputs.index(place): name for place, name in zip(arguments[len(inputs) :], outputs, strict=True)},
    )


def _only_call(plan: Any) -> list[int]:
    """The values that the delegate is called with: inputs, then outputs."""
    foreign = {one.id for one in plan.delegates if one.id != DELEGATE}
    if foreign:
        raise UserError(f"made for {', '.join(sorted(foreign))}, not for {DELEGATE}")
    if plan.operators or len(plan.delegates) != 1:
        left = ", ".join(sorted({one.name for one in plan.operators})) or "nothing"
        raise UserError(f"{len(plan.delegates)} calls of {DELEGATE} where one is wanted; outside them: {left}")
    calls = [one.instr_args for chain in plan.chains for one in chain.instructions]
    if len(calls) != 1 or not isinstance(calls[0], DelegateCall):
        raise UserError(f"does more than call {DELEGATE} once")
    return calls[0].args


def _names(files: Mapping[str, bytes]) -> tuple[list[str], list[str]]:
    """What the package calls its inputs and outputs, in the order of the call."""
    if METADATA not in files:
        raise UserError(f"its payload has no {METADATA}")
    described = json.loads(files[METADATA])
    names = described["inputNames"], described["outputNames"]
    if not all(isinstance(name, str) for side in names for name in side):
        raise UserError(f"its {METADATA} does not say what tensors are called")
    return names


load = InterpretedRuntime
