"""Core ML packages, interpreted: right numbers where Core ML itself is not, and none on latency."""

from collections.abc import Callable
from functools import partial

import numpy as np

from gfnet_mobile import __version__
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.mlprogram import Interpreter
from gfnet_mobile.mlprogram import load as load_program
from gfnet_mobile.mlprogram.program import Type
from gfnet_mobile.runtimes.protocol import Buffers, Signature, as_pixels, check_signature, in_file


class InterpretedRuntime:
    """See `gfnet_mobile.runtimes.protocol.Runtime`. Threads are torch's."""

    name = "ML program interpreter"
    version = __version__

    def __init__(self, bundle: Bundle, target: str, threads: int) -> None:
        self._files = bundle.target(target).graphs
        self._programs = {
            graph: load_program(bundle.path(file.path), "fp16", file.entry) for graph, file in self._files.items()
        }

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        program, file = self._programs[graph], self._files[graph]
        inputs, outputs = in_file(inputs, file.names), in_file(outputs, file.names)
        check_signature(graph, "input", inputs, _signature(program.inputs))
        check_signature(graph, "output", outputs, _signature(program.outputs))
        return partial(_run, program, frozenset(file.pictures), inputs, outputs)

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
