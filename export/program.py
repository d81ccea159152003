"""The program of a network: its registers, and the calls of each step, as they stand in a bundle's manifest."""

from collections.abc import Sequence

from export.graphs import Graph, exit_name
from gfnet_mobile.bundle.manifest import Call, Register, Step
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.models.network import GlanceFocusNet


def steps_of(config: ModelConfig, graphs: Sequence[Graph]) -> tuple[Step, ...]:
    """Step 0 is ``glance`` and its exit; every other is ``policy``, ``focus`` and its exit, the first of them with
    ``value_map`` ahead where the policy draws one."""
    named = {graph.name: graph for graph in graphs}
    steps = []
    names: tuple[str, ...]
    for step in range(config.steps):
        names = ("policy", "focus") if step else ("glance",)
        if step == 1 and "value_map" in named:
            names = ("value_map", *names)
        calls = tuple(_call(config, step, named[name]) for name in (*names, exit_name(config, step)))
        if step:
            steps.append(Step(calls=calls, logits="logits", position="position", patch_size=config.patch))
        else:
            steps.append(Step(calls=calls, logits="logits"))
    return tuple(steps)


def registers_of(model: GlanceFocusNet, steps: Sequence[Step]) -> dict[str, Register]:
    """All registers that the calls of ``steps`` name, in the order of their first use."""
    config = model.config
    shapes: dict[str, tuple[int, ...]] = {
        "image": (3, config.image, config.image),
        "feature": (model.glance.feature_size,),
        "state": model.glance.state_shape,
        "hidden": (model.policy.hidden_size if model.policy else 0,),
        "patch": (3, config.patch, config.patch),
        "position": (2,),
        "logits": (config.classes,),
        "memory": (model.head.memory_size(0),),
        **{f"memory_{step}": (model.head.memory_size(step),) for step in range(1, config.steps)},
    }
    names = (name for step in steps for call in step.calls for name in (*call.inputs.values(), *call.outputs.values()))
    return {
        name: Register(
            shape=(1, *shapes[name]),
            dtype="int32" if name == "position" else "float32",
            initial="input" if name == "image" else "zeros",
        )
        for name in dict.fromkeys(names)
    }


def _call(config: ModelConfig, step: int, graph: Graph) -> Call:
    inputs = {tensor: _register(config, step, tensor) for tensor in graph.inputs}
    outputs = {tensor: _register(config, step, tensor) for tensor in graph.outputs}
    return Call(graph=graph.name, inputs=inputs, outputs=outputs)


def _register(config: ModelConfig, step: int, tensor: str) -> str:
    """A tensor's register has its name; ``hidden_out`` goes to ``hidden``, where the next call finds it.

    A cascade's memory grows, so that it takes one register for each number of features, ``memory_1`` and so on. The
    first is the glance's feature itself: ``glance`` writes it there, and ``exit_1`` has nothing to pass on.
    """
    if config.head.kind == "cascade" and config.steps > 1:
        if tensor == "memory_out" or (tensor == "feature" and step == 0):
            return f"memory_{step + 1}"
        if tensor == "memory":
            return f"memory_{step}"
    return tensor.removesuffix("_out")
