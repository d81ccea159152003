"""Core ML: one ML program per graph, as a package."""

from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil import register_torch_op
from coremltools.converters.mil.frontend.torch.ops import _get_inputs
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.pass_registry import register_pass
from torch import Tensor, nn

from export.coreml_compress import COMPRESSIONS as COMPRESSIONS
from export.coreml_compress import arithmetic, compressed
from export.coreml_package import describe, write_package
from export.graphs import Graph
from export.packaging import Ios, Packaging
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
    if packaging.image_input and "image" in graph.inputs:
        file = file.model_copy(update={"pictures": ("image",)})
    classes = packaging.labels if graph.name == "static" and _all_different(packaging.labels) else None
    network = graph.module if classes is None else _WithProbabilities(graph.module)
    with torch.no_grad():
        exported = torch.export.export(network, tuple(graph.inputs.values())).run_decompositions(decompositions())
    model = _converted(exported, graph, file, packaging.ios, classes, compression)
    if compression != "none":
        whole = _converted(exported, graph, file, packaging.ios, classes, "none")
        prove_half(_program(whole), _program(model))
    model = compressed(model, compression)
    specification = model.get_spec()
    describe(specification, graph.name, file.names, packaging)
    write_package(model, specification, bundle / file.path)
    return file


class _WithProbabilities(nn.Module):
    """A static network as Xcode and Vision know a classifier: Core ML makes a label and its probability of these."""

    def __init__(self, static: nn.Module) -> None:
        super().__init__()
        self.static = static

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        (logits,) = self.static(image)
        return logits, logits.softmax(1)


def _all_different(labels: tuple[str, ...] | None) -> bool:
    """Core ML gives probabilities by label; ImageNet has two cranes."""
    return labels is not None and len(set(labels)) == len(labels)


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
    exported: Any, graph: Graph, file: GraphFile, ios: Ios, classes: tuple[str, ...] | None, compression: Compression
) -> ct.models.MLModel:
    """dtypes are spelt out: left to themselves, tensors become float16 as soon as the precision is."""

    def input_type(tensor: str, example: Tensor) -> Any:
        name = file.names.get(tensor, tensor)
        if tensor in file.pictures:
            return ct.ImageType(name=name, shape=example.shape, scale=1 / 255, color_layout=ct.colorlayout.RGB)
        return ct.TensorType(name=name, shape=example.shape, dtype=example.numpy().dtype.type)

    def output_type(tensor: str) -> Any:
        return ct.TensorType(
            name=file.names.get(tensor, tensor), dtype=np.int32 if tensor == "position" else np.float32
        )

    classifier, outputs = None, graph.outputs
    if classes is not None:
        classifier = ct.ClassifierConfig(list(classes), predicted_probabilities_output="probabilities")
        outputs = (*outputs, "probabilities")
    return ct.convert(
        exported,
        convert_to="mlprogram",
        inputs=[input_type(tensor, example) for tensor, example in graph.inputs.items()],
        outputs=[output_type(tensor) for tensor in outputs],
        classifier_config=classifier,
        compute_precision=arithmetic(compression),
        minimum_deployment_target=SYSTEMS[ios],
        pass_pipeline=_passes(),
        skip_model_load=True,
    )


def _passes() -> ct.PassPipeline:
    """coremltools' own, but positions stay int32 in float16 programs as in float32 ones (iOS 17 and later could do with
    int16), so that the two differ in nothing but rounding."""
    passes = ct.PassPipeline()
    passes.remove_passes(["common::add_int16_cast"])
    passes.append_pass("gfnet_mobile::forget_output_types")
    return passes


@register_pass(namespace="gfnet_mobile")
class forget_output_types(AbstractGraphPass):
    """Beside a classifier's outputs coremltools 9.0 looks for the types of others beyond the end of its list. When this
    runs they have been applied. Can go when such a network converts without it."""

    def apply(self, prog: Any) -> None:
        for function in prog.functions.values():
            function.output_types = None


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
