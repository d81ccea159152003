"""ExecuTorch programs that Core ML runs: a Core ML package, in the wrapping that ExecuTorch's delegate unpacks.

The package is the one that target ``coreml`` writes, so that what is proven of that one holds here, and all its forms
of weights are there. ExecuTorch's own ``CoreMLPartitioner`` would convert the graph itself, all of it in float32 or all
of it in float16, which moves patches by a pixel; and it draws identifiers at random.
"""

import json
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import coremltools as ct
import torch
from executorch.backends.apple.coreml.compiler import CoreMLBackend
from executorch.backends.apple.coreml.compiler.coreml_preprocess import MODEL_PATHS, ModelMetadata
from executorch.exir import to_edge
from executorch.exir.lowered_backend_module import LoweredBackendModule
from torch import Tensor, nn

from export import coreml
from export.coreml_compress import COMPRESSIONS as COMPRESSIONS
from export.executorch import CONFIG
from export.graphs import Graph
from export.packaging import Packaging
from gfnet_mobile.bundle.manifest import Compression, GraphFile
from gfnet_mobile.mlprogram.payload import flatten

TOOLS = ("torch", "coremltools", "executorch")


def export(graph: Graph, bundle: Path, packaging: Packaging, compression: Compression = "none") -> GraphFile:
    """One method, which is one call of the delegate; ``checkpoint`` is another, as in target ``executorch``."""
    path = f"executorch-coreml/{graph.name}.pte"
    inputs = tuple(graph.inputs.values())
    with torch.no_grad():
        lowered = LoweredBackendModule(
            torch.export.export(graph.module, inputs),  # says what goes in and comes out
            CoreMLBackend.__name__,
            _payload(graph, packaging, compression),
            CoreMLBackend.generate_compile_specs(
                minimum_deployment_target=coreml.SYSTEMS[packaging.ios],
                compute_precision=ct.precision.FLOAT32 if compression == "none" else ct.precision.FLOAT16,
                model_type=CoreMLBackend.MODEL_TYPE.MODEL,
            ),
        )
        edge = to_edge(
            torch.export.export(_Delegated(lowered), inputs), constant_methods={"checkpoint": packaging.checkpoint}
        )
    (bundle / path).parent.mkdir(exist_ok=True)
    (bundle / path).write_bytes(edge.to_executorch(CONFIG).buffer)
    return GraphFile(
        path=path, entry="forward", inputs=tuple(graph.inputs), outputs=graph.outputs, compression=compression
    )


class _Delegated(nn.Module):
    """A network that is nothing but one call of a delegate."""

    def __init__(self, lowered: LoweredBackendModule) -> None:
        super().__init__()
        self.lowered = lowered

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return self.lowered(*inputs)


def _payload(graph: Graph, packaging: Packaging, compression: Compression) -> bytes:
    """The package, and the names of its tensors in the order in which the delegate is called.

    A phone keeps what it has compiled under the identifier: another package must have another one.
    """
    with TemporaryDirectory() as temporary:
        of_tensors = replace(packaging, image_input=False, labels=None)  # the delegate knows no pictures, no labels
        file = coreml.export(graph, Path(temporary), of_tensors, compression)
        package = Path(temporary) / file.path
        files = {
            f"{MODEL_PATHS.MODEL.value}/{path.relative_to(package).as_posix()}": path.read_bytes()
            for path in package.rglob("*")
            if path.is_file()
        }
    metadata = ModelMetadata(
        inputNames=[file.names.get(tensor, tensor) for tensor in file.inputs],
        outputNames=[file.names.get(tensor, tensor) for tensor in file.outputs],
        identifier=f"executorch_{sha256(flatten(files)).hexdigest()}",
    )
    return flatten({**files, MODEL_PATHS.METADATA.value: json.dumps(asdict(metadata)).encode()})
