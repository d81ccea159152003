"""8-bit programs: XNNPACK's quantiser marks what can be integers, real inputs say how large values become."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)
from torch import nn
from torch.fx import GraphModule, Node
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from export.graphs import Graph
from gfnet_mobile.errors import UserError

WEIGHTED = ("conv", "linear")


def quantised(graph: Graph) -> GraphModule:
    """The graph's network with 8-bit weights, one scale for each output channel, and 8-bit values between them.

    What lies ahead of the first layer with weights stays float32: the image is made smaller and normalised. In policies
    and exit heads values between layers stay float32 too: in 8 bits the largest logits of every fourth image of the
    demo tied at the glance. A policy's actor is not touched: what it says becomes a position in pixels; nor is any part
    of a policy that an encoder was joined to (`export.fuse`).
    Raises UserError without inputs to observe.
    """
    if not graph.samples:
        raise UserError(
            f"graph {graph.name!r}: int8 on executorch needs to see images; "
            "give --calibration FOLDER or --calibration-scenes COUNT"
        )
    answers = "image" in graph.inputs and "logits" in graph.outputs
    encodes = answers or "feature" in graph.outputs
    decides = not encodes and not {"position", "logits"}.isdisjoint(graph.outputs)
    network = torch.export.export(graph.module, tuple(graph.inputs.values())).module()
    quantiser = XNNPACKQuantizer()
    quantiser.set_global(get_symmetric_quantization_config(is_per_channel=True, is_dynamic=decides))
    if answers:  # an encoder and its exit in one
        quantiser.set_module_type(nn.Linear, get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True))
    position = graph.outputs.index("position") if encodes and "position" in graph.outputs else None
    quantiser.set_filter_function(partial(_may_be_integers, position=position))
    prepared = prepare_pt2e(network, quantiser)
    for sample in graph.samples:
        prepared(*sample.values())
    return convert_pt2e(prepared)


def _may_be_integers(node: Node, position: int | None) -> bool:
    """A layer's weights are asked about by themselves, but decided on with the layer. What leads to the output number
    ``position`` may not."""
    if node.op == "get_attr":
        return True
    if position is not None and _leads_to(node, position):
        return False
    modules = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return not any(path.endswith(".actor") for path in modules) and _after_weights(node)


def _leads_to(node: Node, output: int) -> bool:
    goal = node.graph.output_node().args[0][output]  # type: ignore[index, union-attr]
    return any(one is goal for one in _reached(node, lambda one: one.users))


def _after_weights(node: Node) -> bool:
    """Is this a layer with weights, or does it follow from one?"""
    return any(
        one.op == "call_function" and any(word in str(one.target) for word in WEIGHTED)
        for one in _reached(node, lambda one: one.all_input_nodes)
    )


def _reached(node: Node, beside: Callable[[Node], Iterable[Node]]) -> Iterator[Node]:
    """``node``, and all that one comes to from there by way of ``beside``."""
    waiting, seen = [node], {node}
    while waiting:
        one = waiting.pop()
        yield one
        new = [other for other in beside(one) if other not in seen]
        waiting += new
        seen.update(new)
