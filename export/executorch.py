"""ExecuTorch: one program per graph, lowered to XNNPACK, memory planned ahead."""

from pathlib import Path

import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower

from export.graphs import Graph
from gfnet_mobile.bundle.manifest import GraphFile, Precision

PRECISION: Precision = "float32"
TOOLS = ("torch", "executorch")


def export(graph: Graph, bundle: Path, checkpoint: str) -> GraphFile:
    """The checkpoint's hash is a method of its own, ``checkpoint``, which returns it: a program has no other metadata."""
    path = f"executorch/{graph.name}.pte"
    file = GraphFile(path=path, entry="forward", inputs=tuple(graph.inputs), outputs=graph.outputs)
    with torch.no_grad():
        exported = torch.export.export(graph.module, tuple(graph.inputs.values()))
        edge = to_edge_transform_and_lower(
            exported, partitioner=[XnnpackPartitioner()], constant_methods={"checkpoint": checkpoint}
        )
    (bundle / path).parent.mkdir(exist_ok=True)
    (bundle / path).write_bytes(edge.to_executorch().buffer)
    return file
