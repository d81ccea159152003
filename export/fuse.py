"""Graphs that always run one after the other, joined into one: a step then costs fewer calls, and what only the second
reads needs no register.

Two are joined where every call of the first is followed by one of the second and every call of the second follows one
of the first. So no weight is stored twice: an exit head that serves glance and looks alike stays a graph of its own,
and so do a cascade's, of which each look has another.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from export.graphs import Graph
from gfnet_mobile.bundle.manifest import CROP, Call, Step

Calls = tuple[Call, Call]


def fused(graphs: Sequence[Graph], steps: Sequence[Step]) -> tuple[list[Graph], tuple[Step, ...]]:
    """``graphs`` and the steps that call them, joined as far as they can be. The joined graph has both names."""
    while (pair := _inseparable(steps)) is not None:
        call = _joined_call(pair, steps)
        first, second = (next(graph for graph in graphs if graph.name == one.graph) for one in pair)
        joined = _joined_graph(first, second, pair, call)
        graphs = [joined if graph is first else graph for graph in graphs if graph is not second]
        steps = [_with_one_call(step, pair, call) for step in steps]
    return list(graphs), tuple(steps)


class InTurn(nn.Module):
    """Two modules, the second fed by the first."""

    def __init__(self, first: Graph, second: Graph, pair: Calls, call: Call) -> None:
        super().__init__()
        self.first, self.second = first.module, second.module
        registers = [
            ([one.inputs[tensor] for tensor in graph.inputs], [one.outputs[tensor] for tensor in graph.outputs])
            for graph, one in zip((first, second), pair, strict=True)
        ]
        (self.first_reads, self.first_writes), (self.second_reads, self.second_writes) = registers
        self.reads, self.writes = list(call.inputs.values()), list(call.outputs.values())

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        held = dict(zip(self.reads, tensors, strict=True))
        held.update(zip(self.first_writes, self.first(*(held[name] for name in self.first_reads)), strict=True))
        held.update(zip(self.second_writes, self.second(*(held[name] for name in self.second_reads)), strict=True))
        return tuple(held[name] for name in self.writes)


def _inseparable(steps: Sequence[Step]) -> Calls | None:
    """Two calls that are the same wherever they occur, always beside each other."""
    for pair in (pair for step in steps for pair in pairwise(step.calls)):
        together = sum(pair in pairwise(step.calls) for step in steps)
        alone = [sum(call.graph == one.graph for step in steps for call in step.calls) for one in pair]
        if alone == [together, together] and CROP not in (pair[0].graph, pair[1].graph):
            return pair
    return None


def _joined_call(pair: Calls, steps: Sequence[Step]) -> Call:
    """Reads what the two read from elsewhere, writes what is read after them. A tensor keeps its name; one that is
    written under a name that is read too ends in ``_out``."""
    first, second = pair
    made = set(first.outputs.values())
    inputs = first.inputs | {tensor: name for tensor, name in second.inputs.items() if name not in made}
    outputs = {
        tensor if tensor not in inputs else f"{tensor}_out": name
        for tensor, name in (first.outputs | second.outputs).items()
        if _is_read_after(second, name, steps)
    }
    return Call(graph=f"{first.graph}_{second.graph}", inputs=inputs, outputs=outputs)


def _is_read_after(call: Call, register: str, steps: Sequence[Step]) -> bool:
    """Somewhere after ``call`` as it left it: by a call of this step or a later one, or as a step's answer."""
    waiting = False  # for somebody who reads it, or writes it anew
    for step in steps:
        for one in step.calls:
            if waiting and register in one.inputs.values():
                return True
            waiting = one == call or (waiting and register not in one.outputs.values())
        if waiting and register in (step.logits, step.position):
            return True
    return False


def _joined_graph(first: Graph, second: Graph, pair: Calls, call: Call) -> Graph:
    examples = second.inputs | first.inputs
    module = InTurn(first, second, pair, call).eval()
    return Graph(call.graph, module, {tensor: examples[tensor] for tensor in call.inputs}, tuple(call.outputs))


def _with_one_call(step: Step, pair: Calls, call: Call) -> Step:
    if pair[0] not in step.calls:
        return step
    calls = [call if one == pair[0] else one for one in step.calls if one != pair[1]]
    return step.model_copy(update={"calls": tuple(calls)})
