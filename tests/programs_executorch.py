"""The conformance suite for ExecuTorch: the same tiny programs, their ONNX graphs walked by torch and exported."""

from pathlib import Path
from typing import Any

import onnx
import programs
import torch
from onnx import numpy_helper
from torch import nn

from export import executorch
from export.crop import crop
from export.graphs import Graph
from export.packaging import Packaging
from gfnet_mobile.bundle.golden import write_golden
from gfnet_mobile.bundle.store import Bundle, open_bundle, write_manifest

_DTYPES = {onnx.TensorProto.INT32: torch.int32, onnx.TensorProto.FLOAT: torch.float32}
_SIMPLE = {
    "Add": torch.add, "MatMul": torch.matmul, "Mul": torch.mul, "Tanh": torch.tanh, "Sigmoid": torch.sigmoid,
    "Floor": torch.floor, "Identity": torch.clone, "Squeeze": torch.squeeze,
}  # fmt: skip


class _Walk(nn.Module):
    """An ONNX graph of `programs`, operator by operator."""

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self.takes = [tensor.name for tensor in model.graph.input]
        self.gives = [tensor.name for tensor in model.graph.output]
        self.nodes = [(node.op_type, node.input, node.output[0], _options(node)) for node in model.graph.node]
        for weight in model.graph.initializer:
            self.register_buffer(weight.name, torch.tensor(numpy_helper.to_array(weight)))
        constants = {name: options["value"] for kind, _, name, options in self.nodes if kind == "Constant"}
        self.side = int(constants["side"][0]) if "side" in constants else 0
        """of the patch that `programs.CUT` cuts"""

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = dict(self.named_buffers()) | dict(zip(self.takes, inputs, strict=True))
        for kind, takes, gives, options in self.nodes:
            values[gives] = self._computed(kind, [values[name] for name in takes], options)
        return tuple(values[name] for name in self.gives)

    def _computed(self, kind: str, given: list[torch.Tensor], options: dict[str, Any]) -> torch.Tensor:
        if kind == "AveragePool":
            return nn.functional.avg_pool2d(given[0], options["kernel_shape"][0])
        if kind == "Constant":
            return torch.tensor(options["value"])
        if kind == "Cast":
            return given[0].to(_DTYPES[options["to"]])
        if kind == "Concat":
            return torch.cat(given, options["axis"])
        if kind == "Flatten":
            return given[0].flatten(options.get("axis", 1))
        if kind == "Slice":
            return crop(given[0], given[1][None], self.side)
        return _SIMPLE[kind](*given)


def _options(node: onnx.NodeProto) -> dict[str, Any]:
    options = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    return options | ({"value": numpy_helper.to_array(options["value"])} if "value" in options else {})


def _graph(graph: programs.Graph) -> Graph:
    model = graph.model.graph
    inputs = {
        tensor.name: torch.zeros(
            [size.dim_value for size in tensor.type.tensor_type.shape.dim],
            dtype=_DTYPES[tensor.type.tensor_type.elem_type],
        )
        for tensor in model.input
    }
    return Graph(graph.name, _Walk(graph.model).eval(), inputs, tuple(tensor.name for tensor in model.output))


def make_bundle(folder: Path, program: programs.Program, **changes: Any) -> Bundle:
    """A bundle of ``program`` for ExecuTorch; ``changes`` replace fields of the manifest."""
    folder.mkdir(parents=True)
    packaging = Packaging(checkpoint="c" * 64)
    files = {one.name: executorch.export(_graph(one), folder, packaging).model_dump() for one in program.graphs}
    images = programs.golden_images()
    write_golden(folder / "golden.safetensors", images, programs.expected(program, images))
    targets = {"executorch": {"graphs": files}}
    write_manifest(folder, programs.draft(program, **{"targets": targets, **changes}))
    return open_bundle(folder)
