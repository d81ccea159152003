"""Core ML packages, interpreted: right numbers where Core ML itself is not, and none on latency."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from gfnet_mobile import __version__, runtimes
from gfnet_mobile.bundle.manifest import GraphFile
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.mlprogram import Interpreter, Precision
from gfnet_mobile.mlprogram import load as load_program
from gfnet_mobile.mlprogram.program import Type
from gfnet_mobile.runtimes.protocol import (
    Buffers,
    HostMemory,
    Signature,
    as_pixels,
    check_signature,
    in_file,
    in_turn,
    with_scratch,
)


@dataclass(frozen=True)
class Opened:
    """The ML program of a graph."""

    program: Interpreter
    names: Mapping[str, str]
    """tensor of the graph → what the program calls it, where that differs"""


def open_program(path: Path, file: GraphFile, precision: Precision) -> Opened:
    return Opened(load_program(path, precision, file.entry), file.names)


class InterpretedRuntime(HostMemory):
    """See `gfnet_mobile.runtimes.protocol.Runtime`. Threads are torch's."""

    name = "ML program interpreter"
    version = __version__

    def __init__(self, bundle: Bundle, target: str, threads: int) -> None:
        self._programs = {
            graph: runtimes.open_program(bundle.folder, target, file, "fp16")
            for graph, file in bundle.target(target).graphs.items()
        }

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        program, names = self._programs[graph].program, self._programs[graph].names
        inputs, outputs = in_file(inputs, names), in_file(outputs, names)
        outputs, copies = with_scratch(inputs, outputs)
        check_signature(graph, "input", inputs, _signature(program.inputs))
        check_signature(graph, "output", outputs, _signature(program.outputs))
        return in_turn(partial(_run, program, frozenset(program.images), inputs, outputs), copies)

    def close(self) -> None:
        self._programs.clear()


def _run(program: Interpreter, pictures: frozenset[str], inputs: Buffers, outputs: Buffers) -> None:
    given = {tensor: as_pixels(value) if tensor in pictures else value for tensor, value in inputs.items()}
    found = program.predict(given)
    for tensor, buffer in outputs.items():
        np.copyto(buffer, found[tensor])


def _signature(tensors: dict[str, Type]) -> Signature:
    """Without a classifier's label and probabilities, which are for apps."""
    return {name: (kind.shape, kind.dtype) for name, kind in tensors.items() if kind.dtype not in ("str", "dict")}


load = InterpretedRuntime
