"""Core ML packages, interpreted: right numbers where Core ML itself is not, and none on latency."""

from collections.abc import Callable
from functools import partial

import numpy as np

from gfnet_mobile import __version__
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.mlprogram import Interpreter
from gfnet_mobile.mlprogram import load as load_program
from gfnet_mobile.mlprogram.program import Type
from gfnet_mobile.runtimes.protocol import Buffers, Signature, check_signature, in_file


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
        program, names = self._programs[graph], self._files[graph].names
        inputs, outputs = in_file(inputs, names), in_file(outputs, names)
        check_signature(graph, "input", inputs, _signature(program.inputs))
        check_signature(graph, "output", outputs, _signature(program.outputs))
        return partial(_run, program, inputs, outputs)

    def close(self) -> None:
        self._programs.clear()


def _run(program: Interpreter, inputs: Buffers, outputs: Buffers) -> None:
    for tensor, value in program.predict(inputs).items():
        np.copyto(outputs[tensor], value)


def _signature(tensors: dict[str, Type]) -> Signature:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


load = InterpretedRuntime
