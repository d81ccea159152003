"""Weights of ONNX files in fewer bytes. Arithmetic and the tensors at a graph's boundary stay float32.

A weight is stored small and made whole by constant operators ahead of its use, ``Cast`` and for int8 ``Mul``. ONNX
Runtime computes those once, when it loads the file, so that a compressed graph runs as fast as any; a
``DequantizeLinear`` it would compute anew in every run.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import nn

FEWEST = 256
"""elements of a constant that is worth it: each costs two nodes more, some 100 bytes"""
LARGEST = 127
"""of an int8 weight; −128 is left out, so that zero is in the middle"""

Floats = NDArray[np.float32]


def store_as_float16(model: ModelProto) -> None:
    """All large constants as float16, but for those that have a value beyond its range."""
    for constant in list(_large_constants(model.graph)):
        with np.errstate(over="ignore"):
            small = numpy_helper.to_array(constant).astype(np.float16)
        if np.isfinite(small).all():
            _replace(model.graph, constant, small, None)


def store_as_int8(model: ModelProto, module: nn.Module) -> None:
    """The trained weights of convolutions and matrix products as int8, with a scale for each output channel.

    ``module`` tells what is no trained weight: its buffers, a resize's matrix among them.
    """
    axes = _channel_axes(model.graph)
    fixed = [buffer for buffer in module.buffers() if buffer.ndim == 2]
    for constant in list(_large_constants(model.graph)):
        values = numpy_helper.to_array(constant)
        if constant.name in axes and not any(_same(buffer, values) for buffer in fixed):
            small, scale = quantised(values, axes[constant.name])
            _replace(model.graph, constant, small, scale)


def quantised(weight: Floats, axis: int) -> tuple[NDArray[np.int8], Floats]:
    """int8 of the same shape, and float32 scales that broadcast against it: one for each index of ``axis``."""
    others = tuple(other for other in range(weight.ndim) if other != axis % weight.ndim)
    largest = np.abs(weight).max(axis=others, keepdims=True)
    scale = largest / np.float32(LARGEST)
    scale = np.where(scale >= np.finfo(np.float32).tiny, scale, np.float32(1))  # too small to be told apart: zeros
    return np.rint(weight / scale).clip(-LARGEST, LARGEST).astype(np.int8), scale


def _large_constants(graph: GraphProto) -> Iterator[TensorProto]:
    for constant in graph.initializer:
        if constant.data_type == TensorProto.FLOAT and np.prod(constant.dims) >= FEWEST:
            yield constant


def _channel_axes(graph: GraphProto) -> dict[str, int]:
    """Constant → the axis of its output channels, of those that are weights wherever they are used."""
    axes: dict[str, int] = {}
    elsewhere: set[str] = {output.name for output in graph.output}
    for node in graph.node:
        for place, name in enumerate(node.input):
            axis = _channel_axis(node) if place == 1 else None
            if axis is None or axes.get(name, axis) != axis:
                elsewhere.add(name)
            else:
                axes[name] = axis
    return {name: axis for name, axis in axes.items() if name not in elsewhere}


def _channel_axis(node: NodeProto) -> int | None:
    """Of the weight of ``node``, its second input; None where that is no weight."""
    if node.op_type == "Gemm":
        return 0 if any(attribute.name == "transB" and attribute.i for attribute in node.attribute) else 1
    return {"Conv": 0, "ConvTranspose": 1, "MatMul": -1}.get(node.op_type)


def _same(buffer: torch.Tensor, values: Floats) -> bool:
    fixed = buffer.detach().numpy()
    return any(side.shape == values.shape and bool((side == values).all()) for side in (fixed, fixed.T))


def _replace(graph: GraphProto, constant: TensorProto, small: NDArray[np.generic], scale: Floats | None) -> None:
    """``constant`` becomes ``small`` and the operators that make it whole under the old name."""
    name = constant.name
    parts = [numpy_helper.from_array(small, f"{name}.stored")]
    whole = [helper.make_node("Cast", [f"{name}.stored"], [name], to=TensorProto.FLOAT)]
    if scale is not None:
        whole[0].output[0] = f"{name}.float"
        whole.append(helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]))
        parts.append(numpy_helper.from_array(scale, f"{name}.scale"))
    nodes = [*whole, *graph.node]
    graph.initializer.remove(constant)
    graph.initializer.extend(parts)
    del graph.node[:]
    graph.node.extend(nodes)
