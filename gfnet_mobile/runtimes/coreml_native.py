"""Core ML packages on Core ML itself, which is on a Mac: one model per graph, on the units that the manifest suggests.

Never run by us: nobody of us had a Mac. A test walks it with a stand-in for ``MLModel.predict``.
"""

import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from gfnet_mobile.bundle.manifest import GraphFile
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.package import open_package
from gfnet_mobile.mlprogram.pictures import described
from gfnet_mobile.quiet import quiet
from gfnet_mobile.runtimes.protocol import Buffers, HostMemory, Signature, as_pixels, check_signature, in_file

with quiet():
    import coremltools as ct
    from coremltools.proto import FeatureTypes_pb2

UNITS = {
    "all": ct.ComputeUnit.ALL,
    "cpu_and_ne": ct.ComputeUnit.CPU_AND_NE,
    "cpu_and_gpu": ct.ComputeUnit.CPU_AND_GPU,
    "cpu": ct.ComputeUnit.CPU_ONLY,
}

_TYPES = FeatureTypes_pb2.ArrayFeatureType
_DTYPES = {_TYPES.FLOAT16: "float16", _TYPES.FLOAT32: "float32", _TYPES.INT32: "int32"}


class CoreMLRuntime(HostMemory):
    """See `gfnet_mobile.runtimes.protocol.Runtime`. Threads are Core ML's own affair."""

    name = "Core ML"
    version: str = platform.mac_ver()[0]

    def __init__(self, bundle: Bundle, target: str, threads: int) -> None:
        self._files = bundle.target(target).graphs
        self._models: dict[str, Any] = {}
        self._signatures: dict[str, tuple[Signature, Signature]] = {}
        self._pictures: dict[str, frozenset[str]] = {}
        for graph, file in self._files.items():
            path = bundle.path(file.path)
            package = open_package(path)
            description = described(package, file.entry)
            self._signatures[graph] = _signature(description.input), _signature(description.output)
            self._pictures[graph] = frozenset(one.name for one in description.input if _kind(one) == "imageType")
            function = file.entry if package.model.description.functions else None
            try:
                with quiet():  # of a package that Core ML does not compile it warns only; predict says why
                    self._models[graph] = ct.models.MLModel(
                        str(path), compute_units=UNITS[file.compute_units], function_name=function
                    )
            except Exception as error:  # coremltools raises whatever it likes
                raise UserError(f"{path}: Core ML cannot load it: {error}") from error

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        file: GraphFile = self._files[graph]
        takes, gives = self._signatures[graph]
        inputs, outputs = in_file(inputs, file.names), in_file(outputs, file.names)
        check_signature(graph, "input", inputs, takes)
        check_signature(graph, "output", outputs, gives)
        return partial(_run, graph, self._models[graph], self._pictures[graph], inputs, outputs)

    def close(self) -> None:
        self._models.clear()


def _run(graph: str, model: Any, pictures: frozenset[str], inputs: Buffers, outputs: Buffers) -> None:
    given = {
        tensor: Image.fromarray(as_pixels(value)) if tensor in pictures else value for tensor, value in inputs.items()
    }
    try:
        found = model.predict(given)
    except Exception as error:
        raise UserError(f"graph {graph!r}: Core ML cannot run it: {error}") from error
    for tensor, buffer in outputs.items():
        np.copyto(buffer, found[tensor], casting="same_kind")


def _signature(described: Any) -> Signature:
    """Pictures as the tensors they are made of; not a classifier's label and probabilities, which are for apps."""
    found: Signature = {}
    for one in described:
        if _kind(one) == "imageType":
            found[one.name] = (1, 3, one.type.imageType.height, one.type.imageType.width), "float32"
        elif _kind(one) == "multiArrayType":
            array = one.type.multiArrayType
            found[one.name] = tuple(array.shape), _DTYPES.get(array.dataType, "another dtype")
    return found


def _kind(described: Any) -> str:
    return str(described.type.WhichOneof("Type"))


load = CoreMLRuntime
