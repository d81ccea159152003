"""Core ML: one ML program per graph, as a package."""

import json
from pathlib import Path
from shutil import copyfile
from typing import Any

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil import register_torch_op
from coremltools.converters.mil.frontend.torch.ops import _get_inputs

from export.coreml_compress import COMPRESSIONS as COMPRESSIONS
from export.coreml_compress import arithmetic, compressed
from export.graphs import Graph
from export.packaging import Packaging
from gfnet_mobile.bundle.manifest import Compression, GraphFile
from gfnet_mobile.mlprogram.half import prove_half
from gfnet_mobile.mlprogram.package import Package
from gfnet_mobile.mlprogram.program import Function, read_function

TOOLS = ("torch", "coremltools")

SYSTEMS = {16: ct.target.iOS16, 17: ct.target.iOS17, 18: ct.target.iOS18}

RESERVED = {"state": "state_map"}
"""``state`` is a keyword of ML programs; the manifest's ``names`` says what the tensor is called instead"""


def export(graph: Graph, bundle: Path, packaging: Packaging, compression: Compression = "none") -> GraphFile:
    tensors = (*graph.inputs, *graph.outputs)
    file = GraphFile(
        path=f"coreml/{graph.name}.mlpackage",
        inputs=tuple(graph.inputs),
        outputs=graph.outputs,
        names={tensor: RESERVED[tensor] for tensor in tensors if tensor in RESERVED},
        compression=compression,
    )
    with torch.no_grad():
        exported = torch.export.export(graph.module, tuple(graph.inputs.values())).run_decompositions(decompositions())
    model = _converted(exported, graph, file, packaging, compression)
    if compression != "none":
        prove_half(*(_program(one) for one in (_converted(exported, graph, file, packaging, "none"), model)))
    _write_package(compressed(model, compression), bundle / file.path, packaging)
    return file


WHOLE = ("adaptive_avg_pool2d", "hardsigmoid", "hardswish", "silu")
"""Operators that Core ML has and that torch would take apart: hard-swish into a product with a sixth, which float16
rounds at each layer; pooling into an ``as_strided`` that coremltools 9.0 does not convert."""


def decompositions() -> dict[Any, Any]:
    """torch's own, GRU cells among them, but for `WHOLE`."""
    table = torch.export.default_decompositions()
    for operator in [one for one in table if str(one.name()).removeprefix("aten::").split(".")[0] in WHOLE]:
        del table[operator]
    return table


def _converted(
    exported: Any, graph: Graph, file: GraphFile, packaging: Packaging, compression: Compression
) -> ct.models.MLModel:
    """dtypes are spelt out: left to themselves, tensors become float16 as soon as the precision is."""
    return ct.convert(
        exported,
        convert_to="mlprogram",
        inputs=[
            ct.TensorType(name=file.names.get(tensor, tensor), shape=example.shape, dtype=np.float32)
            for tensor, example in graph.inputs.items()
        ],
        outputs=[
            ct.TensorType(name=file.names.get(tensor, tensor), dtype=np.int32 if tensor == "position" else np.float32)
            for tensor in graph.outputs
        ],
        compute_precision=arithmetic(compression),
        minimum_deployment_target=SYSTEMS[packaging.ios],
        skip_model_load=True,
    )


def _program(model: ct.models.MLModel) -> Function:
    return read_function(Package(model.get_spec(), Path(model.weights_dir).parent))


@register_torch_op(torch_alias=["alias"])
def _same(context: Any, node: Any) -> None:
    """What torch.export makes of a slice of a whole axis (GhostNet). Can go when coremltools converts it."""
    context.add(mb.identity(x=_get_inputs(context, node, expected=1)[0], name=node.name))


@register_torch_op(torch_alias=["gfnet_mobile::crop"], override=True)
def _crop_by_slice(context: Any, node: Any) -> None:
    """`export.crop.crop` as ``slice_by_size``, whose start may be data and whose shape is static."""
    image, position, patch = _get_inputs(context, node, expected=3)
    start = mb.concat(values=[np.zeros(2, np.int32), mb.squeeze(x=position, axes=[0])], axis=0)
    size = [*image.shape[:2], patch.val, patch.val]
    context.add(mb.slice_by_size(x=image, begin=start, size=size, name=node.name))


def _write_package(model: ct.models.MLModel, path: Path, packaging: Packaging) -> None:
    """The package as ``model.save`` lays it out, but with the same bytes for the same model.

    coremltools notes the date and draws identifiers at random, and leaves a table for a debugger beside the model.
    """
    specification = model.get_spec()
    metadata = specification.description.metadata.userDefined
    metadata.clear()
    metadata["checkpoint"] = packaging.checkpoint
    data = path / "Data" / "com.apple.CoreML"
    (data / "weights").mkdir(parents=True)
    (data / "model.mlmodel").write_bytes(specification.SerializeToString(deterministic=True))
    copyfile(Path(model.weights_dir) / "weight.bin", data / "weights" / "weight.bin")
    (path / "Manifest.json").write_text(json.dumps(_PACKAGE, indent=4) + "\n")


_MODEL, _WEIGHTS = "6d6f6465-6c00-4000-8000-000000000000", "77656967-6874-4000-8000-000000000000"
_PACKAGE = {
    "fileFormatVersion": "1.0.0",
    "itemInfoEntries": {
        _MODEL: {
            "author": "com.apple.CoreML",
            "description": "CoreML Model Specification",
            "name": "model.mlmodel",
            "path": "com.apple.CoreML/model.mlmodel",
        },
        _WEIGHTS: {
            "author": "com.apple.CoreML",
            "description": "CoreML Model Weights",
            "name": "weights",
            "path": "com.apple.CoreML/weights",
        },
    },
    "rootModelIdentifier": _MODEL,
}
