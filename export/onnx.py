"""ONNX: one file per graph, static shapes, weights inside."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxscript import opset18 as op

from export.graphs import Graph
from export.onnx_compress import store_as_float16, store_as_int8
from export.onnx_integers import can_compute_in_integers, in_integers
from export.packaging import Packaging
from gfnet_mobile.bundle.manifest import Compression, GraphFile

TOOLS = ("torch", "onnx", "onnxscript", "onnxruntime")
COMPRESSIONS: tuple[Compression, ...] = ("none", "fp16", "int8")

OPSET = 18
"""the exporter's native one; ONNX Runtime reads it since 1.14"""


def export(graph: Graph, bundle: Path, packaging: Packaging, compression: Compression = "none") -> GraphFile:
    path = f"onnx/{graph.name}.onnx"
    file = GraphFile(path=path, inputs=tuple(graph.inputs), outputs=graph.outputs, compression=compression)
    program = torch.onnx.export(
        graph.module,
        tuple(graph.inputs.values()),
        input_names=list(file.inputs),
        output_names=list(file.outputs),
        opset_version=OPSET,
        dynamo=True,
        custom_translation_table={torch.ops.gfnet_mobile.crop.default: _crop_by_slice},
        external_data=False,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    _strip(model)
    if compression == "fp16":
        store_as_float16(model)
    elif compression == "int8":
        if can_compute_in_integers(graph):
            model = in_integers(model, graph)
            _strip(model)
        store_as_int8(model, graph.module)
    model.graph.name = graph.name
    onnx.helper.set_model_props(model, {"checkpoint": packaging.checkpoint})
    onnx.checker.check_model(model, full_check=True)
    (bundle / path).parent.mkdir(exist_ok=True)
    (bundle / path).write_bytes(model.SerializeToString(deterministic=True))
    return file


def _strip(model: onnx.ModelProto) -> None:
    """Remove what the exporter notes for debugging: stack traces with the source's paths, one for each node."""
    graph = model.graph
    model.ClearField("metadata_props")
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _crop_by_slice(image: Any, position: Any, patch: int) -> Any:
    """`export.crop.crop` in ONNX operators: one slice that starts at the position."""
    start = op.Squeeze(position, _constant([0], np.int64))
    end = op.Add(start, _constant([patch, patch], np.int32))
    return op.Slice(image, start, end, _constant([2, 3], np.int32))


def _constant(values: list[int], dtype: type[np.integer[Any]]) -> Any:
    return op.Constant(value=onnx.numpy_helper.from_array(np.array(values, dtype)))
