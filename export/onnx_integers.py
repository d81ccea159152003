"""ONNX graphs that compute in 8-bit integers: ONNX Runtime's static quantisation, ranges observed on real inputs.

The encoders alone, where nearly all time goes. What makes a position or logits keeps its
arithmetic, beside an encoder in its graph too: 256 values a tensor would move patches and make confidences tie. Inside
an encoder what lies ahead of the first convolution stays float32 too: the image is made smaller and normalised.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from export.graphs import Graph


def can_compute_in_integers(graph: Graph) -> bool:
    """Is there an encoder in it (``glance``, ``focus``, ``static``, joined or not), and were inputs of it observed?"""
    encodes = "feature" in graph.outputs or ("image" in graph.inputs and "logits" in graph.outputs)
    return encodes and len(graph.samples) > 0


def in_integers(model: onnx.ModelProto, graph: Graph) -> onnx.ModelProto:
    """``model`` with int8 weights, a scale for each output channel, and uint8 values between layers.

    uint8 because ONNX Runtime is fast with it on x86 and on ARM; signed ones it computes at half the speed on x86.
    """
    with TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.onnx"
        quantize_static(
            model,
            path,
            _Observed(graph),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=list(_left_alone(model)),
        )
        return onnx.load(path)


class _Observed(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, graph: Graph) -> None:
        self._samples = iter(graph.samples)

    def get_next(self) -> dict[str, object] | None:
        sample = next(self._samples, None)
        return None if sample is None else {tensor: value.numpy() for tensor, value in sample.items()}


def _left_alone(model: onnx.ModelProto) -> Iterator[str]:
    """Names of the nodes that follow from no convolution, of those that lead to a position, of the one that gives
    logits, and of a first convolution that leaves out pixels (`export.stem`): in integers it takes five times as long.
    """
    leading = {"position"}
    for node in reversed(model.graph.node):
        if leading & set(node.output):
            leading.update(node.input)
    following: set[str] = set()
    for node in model.graph.node:
        if node.op_type == "Conv" or following & set(node.input):
            following.update(node.output)
        elsewhere = not following & set(node.output) or leading & set(node.output)
        if elsewhere or "logits" in node.output or _leaves_out_pixels(node):
            yield node.name


def _leaves_out_pixels(node: onnx.NodeProto) -> bool:
    dilations = [one.ints for one in node.attribute if one.name == "dilations"]
    return node.op_type == "Conv" and node.input[0] == "image" and any(max(ints) > 1 for ints in dilations)
