"""ExecuTorch: one program per graph, lowered to XNNPACK, memory planned ahead."""

from dataclasses import replace
from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import ExecutorchBackendConfig, to_edge_transform_and_lower
from executorch.exir.passes import MemoryPlanningPass

from export.crop import crop_by_slices
from export.executorch_compress import quantised
from export.graphs import Graph
from export.packaging import Packaging
from export.stem import rows_first
from gfnet_mobile.bundle.manifest import Compression, GraphFile
from gfnet_mobile.errors import UserError

TOOLS = ("torch", "executorch")
COMPRESSIONS: tuple[Compression, ...] = ("none", "int8")

CONFIG = ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False))
"""inputs are read where the caller has them: an image is 600 kB, and copying it would take half of the policy's time.
ExecuTorch 1.5 then answers wrongly where an output is an input as it came"""


def export(graph: Graph, bundle: Path, packaging: Packaging, compression: Compression = "none") -> GraphFile:
    """The checkpoint's hash is what a second method, ``checkpoint``, returns: a program has no other metadata.

    Raises UserError for a network that hands an input back, unchanged (see `CONFIG`).
    """
    path = f"executorch/{graph.name}.pte"
    file = GraphFile(
        path=path, entry="forward", inputs=tuple(graph.inputs), outputs=graph.outputs, compression=compression
    )
    with torch.no_grad():
        graph = replace(graph, module=rows_first(graph.module))
        network = quantised(graph) if compression == "int8" else graph.module
        exported = torch.export.export(network, tuple(graph.inputs.values()))
        exported = exported.run_decompositions({torch.ops.gfnet_mobile.crop.default: crop_by_slices})
        signature = exported.graph_signature
        if unchanged := sorted(set(signature.user_inputs) & set(signature.user_outputs), key=str):
            raise UserError(f"graph {graph.name!r}: ExecuTorch cannot hand back {unchanged[0]!r} as it came; copy it")
        edge = to_edge_transform_and_lower(
            exported, partitioner=[XnnpackPartitioner()], constant_methods={"checkpoint": packaging.checkpoint}
        )
    (bundle / path).parent.mkdir(exist_ok=True)
    (bundle / path).write_bytes(edge.to_executorch(CONFIG).buffer)
    return file
