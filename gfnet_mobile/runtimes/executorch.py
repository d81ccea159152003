"""ExecuTorch on the CPU: one method per graph. Its outputs are its own tensors, copied into the caller's buffers.

Needs torch, and is imported only when a target of this name is opened. It uses the wheel's native library itself: the
Python wrapper ``executorch.runtime`` imports the whole compiler, which takes seconds.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import GraphFile
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes.protocol import Buffers, HostMemory, Signature, check_signature

_ONE_AT_A_TIME = Lock()
"""for whoever loads. While the library makes its pool of threads it logs, which lets go of Python's own lock; a thread
that takes that up and asks for the pool too would wait for ever (ExecuTorch 1.5)"""


@contextmanager
def _muted() -> Iterator[None]:
    """The library tells on stderr, from C++, which files about the CPU it did not find; nobody can mend that."""
    with _ONE_AT_A_TIME:
        stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(nowhere)


with _muted():  # torch must be there first
    from executorch.extension.pybindings import _C as library

_DTYPES = {3: "int32", 5: "float16", 6: "float32"}  # torch's ScalarType numbers


class ExecutorchRuntime(HostMemory):
    """See `gfnet_mobile.runtimes.protocol.Runtime`."""

    name = "executorch"
    version = version("executorch")

    def __init__(self, bundle: Bundle, target: str, threads: int) -> None:
        self._files: dict[str, GraphFile] = bundle.target(target).graphs
        self._methods: dict[str, Any] = {}
        self._reads: dict[str, list[torch.Tensor]] = {}  # the inputs that a method was given last
        programs: dict[str, Any] = {}
        with _muted():
            _set_threads(threads)
            for graph, file in self._files.items():
                path = bundle.path(file.path)
                try:
                    if file.path not in programs:
                        programs[file.path] = library._load_program(str(path))
                    self._methods[graph] = programs[file.path].load_method(file.entry)
                except RuntimeError as error:
                    reason = f"ExecuTorch cannot load method {file.entry!r}: {error}"
                    raise UserError(f"{path}: {reason}") from error

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        method, file = self._methods[graph], self._files[graph]
        check_signature(graph, "input", inputs, _signature(graph, method, "input", file.inputs))
        check_signature(graph, "output", outputs, _signature(graph, method, "output", file.outputs))
        arguments = [torch.from_numpy(inputs[tensor]) for tensor in file.inputs]
        results = [outputs[tensor] for tensor in file.outputs]
        # converting them takes as long as a small network: done once, where they stay where they are
        values = _outputs(method) if _stay(method.method_meta()) else None
        reads = self._reads

        def call() -> None:
            if values is None or reads.get(graph) is not arguments:
                method.set_inputs(arguments)
                reads[graph] = arguments
            method.execute()
            for result, value in zip(results, values or _outputs(method), strict=True):
                np.copyto(result, value)

        return call

    def close(self) -> None:
        self._methods.clear()
        self._reads.clear()


def _set_threads(threads: int) -> None:
    """The pool belongs to the process; replacing it under a loaded program is unsafe, so only where it must change."""
    if library._threadpool_get_thread_count() != threads:
        library._unsafe_reset_threadpool(threads)


def _stay(meta: Any) -> bool:
    """Whether a method reads inputs where the caller has them and leaves outputs always at the same place."""
    given = any(meta.input_tensor_meta(index).is_memory_planned() for index in range(meta.num_inputs()))
    kept = all(meta.output_tensor_meta(index).is_memory_planned() for index in range(meta.num_outputs()))
    return kept and not given


def _outputs(method: Any) -> list[NDArray[Any]]:
    """Views of a method's output tensors."""
    return [value.numpy() for value in method.get_outputs(clone_outputs=False)]


def _signature(graph: str, method: Any, what: str, tensors: tuple[str, ...]) -> Signature:
    """Shapes and dtypes of a method's positional inputs or outputs, under the manifest's names."""
    meta = method.method_meta()
    count = getattr(meta, f"num_{what}s")()
    if count != len(tensors):
        raise UserError(f"graph {graph!r}: the file has {count} {what}s, the manifest {len(tensors)}")
    infos = [getattr(meta, f"{what}_tensor_meta")(index) for index in range(count)]
    return {
        tensor: (tuple(info.sizes()), _DTYPES.get(info.dtype(), "another dtype"))
        for tensor, info in zip(tensors, infos, strict=True)
    }


load = ExecutorchRuntime
