"""ExecuTorch on the CPU: one method per graph. Its outputs are its own tensors, copied into the caller's buffers.

Needs torch, and is imported only when a target of this name is opened.
"""

import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from gfnet_mobile.bundle.manifest import GraphFile
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes.protocol import Buffers, Signature, check_signature

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # "experimental": the version is pinned in the results
    import torch
    from executorch.extension.pybindings import portable_lib
    from executorch.runtime import Method, Program
    from executorch.runtime import Runtime as Programs

_DTYPES = {3: "int32", 5: "float16", 6: "float32"}  # torch's ScalarType numbers


class ExecutorchRuntime:
    """See `gfnet_mobile.runtimes.protocol.Runtime`."""

    name = "executorch"
    version = version("executorch")

    def __init__(self, bundle: Bundle, target: str, threads: int) -> None:
        _set_threads(threads)
        self._files: dict[str, GraphFile] = bundle.target(target).graphs
        self._methods: dict[str, Method] = {}
        programs: dict[str, Program] = {}
        for graph, file in self._files.items():
            path = bundle.path(file.path)
            try:
                if file.path not in programs:
                    programs[file.path] = Programs.get().load_program(path)
                method = programs[file.path].load_method(file.entry)
            except KeyError as error:
                raise UserError(f"{path}: has no method {file.entry!r}") from error
            except RuntimeError as error:
                raise UserError(f"{path}: ExecuTorch cannot load it: {' '.join(str(error).split())}") from error
            assert method is not None
            self._methods[graph] = method

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        method, file = self._methods[graph], self._files[graph]
        check_signature(graph, "input", inputs, _signature(method, "input", file.inputs))
        check_signature(graph, "output", outputs, _signature(method, "output", file.outputs))
        arguments = [torch.from_numpy(inputs[tensor]) for tensor in file.inputs]
        results = [torch.from_numpy(outputs[tensor]) for tensor in file.outputs]

        def call() -> None:
            for result, value in zip(results, method.execute(arguments), strict=True):
                result.copy_(value)

        return call

    def close(self) -> None:
        self._methods.clear()


def _set_threads(threads: int) -> None:
    """The pool belongs to the process; replacing it under a loaded program is unsafe, so only where it must change."""
    if portable_lib._threadpool_get_thread_count() != threads:
        portable_lib._unsafe_reset_threadpool(threads)


def _signature(method: Method, what: str, tensors: tuple[str, ...]) -> Signature:
    """Shapes and dtypes of a method's positional inputs or outputs, under the manifest's names."""
    meta: Any = method.metadata
    count = getattr(meta, f"num_{what}s")()
    if count != len(tensors):
        raise UserError(f"method {meta.name()!r}: has {count} {what}s, the manifest names {len(tensors)}")
    infos = [getattr(meta, f"{what}_tensor_meta")(index) for index in range(count)]
    return {
        tensor: (tuple(info.sizes()), _DTYPES.get(info.dtype(), "another dtype"))
        for tensor, info in zip(tensors, infos, strict=True)
    }


load = ExecutorchRuntime
