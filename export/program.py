"""The program of a network: its registers, and the calls of each step, as they stand in a bundle's manifest."""

from collections.abc import Sequence

from export.graphs import Graph, exit_name
from gfnet_mobile.bundle.manifest import CROP, Call, Register, Step
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.models.network import GlanceFocusNet


def steps_of(config: ModelConfig, graphs: Sequence[Graph]) -> tuple[Step, ...]:
    """A network of one step is ``static`` alone. Else step 0 is ``glance`` and its exit; every other is ``policy``,
    ``focus`` and its exit, the first of them with ``value_map`` ahead where the policy draws one. Where that gives no
    patch the host cuts it."""
    named = {graph.name: graph for graph in graphs}

    def calls(step: int, *names: str) -> list[Call]:
        return [_call(config, step, named[name]) for name in names]

    if config.steps == 1:
        return (Step(calls=tuple(calls(0, "static")), logits="logits"),)
    steps = [Step(calls=tuple(calls(0, "glance", exit_name(config, 0))), logits="logits")]
    for step in range(1, config.steps):
        following = calls(step, "policy", "focus", exit_name(config, step))
        if "patch" not in named["policy"].outputs:
            following.insert(1, _CUT)
        if step == 1 and "value_map" in named:
            following = calls(step, "value_map") + following
        steps.append(Step(calls=tuple(following), logits="logits", position="position", patch_size=config.patch))
    return tuple(steps)


_CUT = Call(graph=CROP, inputs={"image": "image", "position": "position"}, outputs={"patch": "patch"})


def registers_of(model: GlanceFocusNet, steps: Sequence[Step]) -> dict[str, Register]:
    """All registers that the calls of ``steps`` name, in the order of their first use."""
    config = model.config
    shapes: dict[str, tuple[int, ...]] = {
        "image": (3, config.image, config.image),
        "feature": ((model.focus or model.glance).feature_size,),
        "state": model.glance.state_shape,
        "hidden": (model.policy.hidden_size if model.policy else 0,),
        "small_image": (3, config.glance_side, config.glance_side),
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
