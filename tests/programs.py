"""The conformance suite: tiny bundles, one for each kind of program that a runner must be able to walk.

Graphs are written in ONNX's text form with seeded weights; the oracle is `expected`, which walks a program with plain
dictionaries and `onnx.reference`, numpy only.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from gfnet_mobile.bundle.golden import key, write_golden
from gfnet_mobile.bundle.manifest import CROP
from gfnet_mobile.bundle.store import Bundle, open_bundle, write_manifest

S, P, K = 8, 4, 5
IMAGES = 4
Array = NDArray[Any]


@dataclass(frozen=True)
class Graph:
    """One ONNX graph; ``inputs`` and ``outputs`` as in ONNX's text form, weights W0, W1, ... of the given shapes."""

    name: str
    inputs: str
    outputs: str
    body: str
    weights: tuple[tuple[int, int], ...] = ()

    @cached_property
    def model(self) -> onnx.ModelProto:
        text = (
            f'<ir_version: 8, opset_import: ["": 17]> {self.name} ({self.inputs}) => ({self.outputs}) {{ {self.body} }}'
        )
        model = onnx.parser.parse_model(text)
        random = np.random.default_rng(sum(self.name.encode()))
        for index, shape in enumerate(self.weights):
            values = random.normal(0, 1.5, shape).astype(np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(values, f"W{index}"))
        onnx.checker.check_model(model)
        return model

    def run(self, **inputs: Array) -> dict[str, Array]:
        names = [output.name for output in self.model.graph.output]
        return dict(zip(names, ReferenceEvaluator(self.model).run(None, inputs), strict=True))


@dataclass(frozen=True)
class Program:
    """Graphs, registers {name: (shape, dtype, lifetime)} and steps (calls, patch size)."""

    graphs: tuple[Graph, ...]
    registers: dict[str, tuple[tuple[int, ...], str, str]]
    steps: tuple[tuple[list[dict[str, Any]], int | None], ...]


def call(graph: str, inputs: str, outputs: str) -> dict[str, Any]:
    """``call("exit", "feature memory", "logits memory_out>memory")``: tensor>register, or both of one name."""

    def mapping(text: str) -> dict[str, str]:
        pairs = [item.partition(">") for item in text.split()]
        return {tensor: register or tensor for tensor, _, register in pairs}

    return {"graph": graph, "inputs": mapping(inputs), "outputs": mapping(outputs)}


def registers(**shapes: tuple[int, ...]) -> dict[str, tuple[tuple[int, ...], str, str]]:
    return {name: (shape, "int32" if name == "position" else "float32", "image") for name, shape in shapes.items()}


def encoder(name: str, image: str, side: int) -> Graph:
    half = side // 2
    body = f"""state = AveragePool <kernel_shape=[{half}, {half}], strides=[{half}, {half}]> ({image})
        flat = Flatten (state)
        product = MatMul (flat, W0)
        feature = Tanh (product)"""
    outputs = "float[1,4] feature, float[1,3,2,2] state"
    return Graph(name, f"float[1,3,{side},{side}] {image}", outputs, body, ((12, 4),))


LOOK = """flat = Flatten (state)
    old = MatMul (hidden, W0)
    new = MatMul (flat, W1)
    sum = Add (old, new)
    hidden_out = Tanh (sum)
    actor = MatMul (hidden_out, W2)
    action = Sigmoid (actor)
    room = Constant <value = float[1] {%d}> ()
    scaled = Mul (action, room)
    whole = Floor (scaled)
    position = Cast <to = 6> (whole)"""
CUT = """start = Flatten <axis = 0> (position)
    start1 = Squeeze (start)
    side = Constant <value = int32[1] {%d}> ()
    end = Add (start1, side)
    axes = Constant <value = int32[2] {2, 3}> ()
    patch = Slice (image, start1, end, axes)"""
LOOK_WEIGHTS = ((6, 6), (12, 6), (6, 2))


def policy(name: str = "policy", size: int = P) -> Graph:
    inputs = f"float[1,3,{S},{S}] image, float[1,3,2,2] state, float[1,6] hidden"
    outputs = f"float[1,3,{size},{size}] patch, int32[1,2] position, float[1,6] hidden_out"
    return Graph(name, inputs, outputs, LOOK % (S - size) + "\n" + CUT % size, LOOK_WEIGHTS)


ANSWER = """fed = MatMul (feature, W0)
    kept = MatMul (memory, W1)
    mixed = Add (fed, kept)
    memory_out = Tanh (mixed)
    logits = MatMul (memory_out, W2)"""
ANSWER_WEIGHTS = ((4, 7), (7, 7), (7, K))

GLANCE, FOCUS, POLICY = encoder("glance", "image", S), encoder("focus", "patch", P), policy()
EXIT = Graph(
    "exit",
    "float[1,4] feature, float[1,7] memory",
    f"float[1,{K}] logits, float[1,7] memory_out",
    ANSWER,
    ANSWER_WEIGHTS,
)
BASE = registers(
    image=(1, 3, S, S), feature=(1, 4), state=(1, 3, 2, 2), hidden=(1, 6), patch=(1, 3, P, P), position=(1, 2),
    memory=(1, 7), logits=(1, K),
)  # fmt: skip
LOOK_CALL = call("policy", "image state hidden", "patch position hidden_out>hidden")
FOCUS_CALL = call("focus", "patch", "feature state")
GLANCE_CALL = call("glance", "image", "feature state")
EXIT_CALL = call("exit", "feature memory", "logits memory_out>memory")


def recurrent() -> Program:
    focus_step = ([LOOK_CALL, FOCUS_CALL, EXIT_CALL], P)
    return Program((GLANCE, POLICY, FOCUS, EXIT), BASE, (([GLANCE_CALL, EXIT_CALL], None), focus_step, focus_step))


def cascade() -> Program:
    first = Graph("exit_1", "float[1,4] feature", f"float[1,{K}] logits, float[1,4] memory_out",
                  "logits = MatMul (feature, W0) memory_out = Identity (feature)", ((4, K),))  # fmt: skip
    second = Graph("exit_2", "float[1,4] feature, float[1,4] memory", f"float[1,{K}] logits, float[1,8] memory_out",
                   "memory_out = Concat <axis = 1> (memory, feature) logits = MatMul (memory_out, W0)",
                   ((8, K),))  # fmt: skip
    third = Graph("exit_3", "float[1,4] feature, float[1,8] memory", f"float[1,{K}] logits",
                  "seen = Concat <axis = 1> (memory, feature) logits = MatMul (seen, W0)", ((12, K),))  # fmt: skip
    steps = (
        ([GLANCE_CALL, call("exit_1", "feature", "logits memory_out>memory_1")], None),
        ([LOOK_CALL, FOCUS_CALL, call("exit_2", "feature memory>memory_1", "logits memory_out>memory_2")], P),
        ([LOOK_CALL, FOCUS_CALL, call("exit_3", "feature memory>memory_2", "logits")], P),
    )
    own = {name: register for name, register in BASE.items() if name != "memory"}
    return Program(
        (GLANCE, POLICY, FOCUS, first, second, third), own | registers(memory_1=(1, 4), memory_2=(1, 8)), steps
    )


def regnet() -> Program:
    """The glance answers from its own classifier, and the memory is stepped all the same."""
    body = ANSWER.replace("logits = MatMul (memory_out, W2)", "logits = MatMul (feature, W2)")
    first = Graph("exit_1", EXIT.inputs, EXIT.outputs, body, ((4, 7), (7, 7), (4, K)))
    glance = [GLANCE_CALL, call("exit_1", "feature memory", "logits memory_out>memory")]
    focus_step = ([LOOK_CALL, FOCUS_CALL, EXIT_CALL], P)
    return Program((GLANCE, POLICY, FOCUS, first, EXIT), BASE, ((glance, None), focus_step))


def fused() -> Program:
    """One graph per step; it gives back, under other names, what it reads."""
    first = Graph(
        "first", f"float[1,3,{S},{S}] image", f"float[1,{K}] logits, float[1,3,2,2] state",
        """state = AveragePool <kernel_shape=[4, 4], strides=[4, 4]> (image)
        flat = Flatten (state)
        logits = MatMul (flat, W0)""",
        ((12, K),),
    )  # fmt: skip
    tail = """state_out = AveragePool <kernel_shape=[2, 2], strides=[2, 2]> (patch)
        flat_out = Flatten (state_out)
        joined = Concat <axis = 1> (flat_out, hidden_out)
        logits = MatMul (joined, W3)"""
    following = Graph(
        "next", POLICY.inputs,
        f"float[1,{K}] logits, int32[1,2] position, float[1,3,2,2] state_out, float[1,6] hidden_out",
        "\n".join([LOOK % (S - P), CUT % P, tail]), (*LOOK_WEIGHTS, (18, K)),
    )  # fmt: skip
    again = call("next", "image state hidden", "logits position state_out>state hidden_out>hidden")
    own = {name: BASE[name] for name in ("image", "state", "hidden", "position", "logits")}
    return Program(
        (first, following), own, (([call("first", "image", "logits state")], None), ([again], P), ([again], P))
    )


def two_patch_sizes() -> Program:
    small = [call("policy_4", "image state hidden", "patch>patch_4 position hidden_out>hidden"),
             call("focus_4", "patch>patch_4", "feature state"), EXIT_CALL]  # fmt: skip
    large = [call("policy_6", "image state hidden", "patch>patch_6 position hidden_out>hidden"),
             call("focus_6", "patch>patch_6", "feature state"), EXIT_CALL]  # fmt: skip
    graphs = (GLANCE, policy("policy_4", 4), encoder("focus_4", "patch", 4), policy("policy_6", 6),
              encoder("focus_6", "patch", 6), EXIT)  # fmt: skip
    own = {name: register for name, register in BASE.items() if name != "patch"}
    own |= registers(patch_4=(1, 3, 4, 4), patch_6=(1, 3, 6, 6))
    return Program(graphs, own, (([GLANCE_CALL, EXIT_CALL], None), (large, 6), (small, 4)))


def builtin_crop() -> Program:
    """The policy gives a position only, from state and hidden; the runner cuts."""
    look = Graph("policy", "float[1,3,2,2] state, float[1,6] hidden", "int32[1,2] position, float[1,6] hidden_out",
                 LOOK % (S - P), LOOK_WEIGHTS)  # fmt: skip
    focus_step = [
        call("policy", "state hidden", "position hidden_out>hidden"), call(CROP, "image position", "patch"),
        FOCUS_CALL, EXIT_CALL,
    ]  # fmt: skip
    return Program((GLANCE, look, FOCUS, EXIT), BASE, (([GLANCE_CALL, EXIT_CALL], None), (focus_step, P)))


def static() -> Program:
    net = Graph("net", f"float[1,3,{S},{S}] image", f"float[1,{K}] logits",
                "flat = Flatten (image) logits = MatMul (flat, W0)", ((3 * S * S, K),))  # fmt: skip
    own = {name: BASE[name] for name in ("image", "logits")}
    return Program((net,), own, (([call("net", "image", "logits")], None),))


def stream() -> Program:
    """A video model: what it carries lives from frame to frame."""
    net = Graph("net", f"float[1,3,{S},{S}] image, float[1,3,2,2] carry",
                f"float[1,{K}] logits, float[1,3,2,2] carry_out",
                """seen = AveragePool <kernel_shape=[4, 4], strides=[4, 4]> (image)
                both = Add (seen, carry)
                carry_out = Tanh (both)
                flat = Flatten (carry_out)
                logits = MatMul (flat, W0)""", ((12, K),))  # fmt: skip
    own = {"image": BASE["image"], "logits": BASE["logits"], "carry": ((1, 3, 2, 2), "float32", "stream")}
    return Program((net,), own, (([call("net", "image carry", "logits carry_out>carry")], None),))


ALL = {p.__name__: p for p in (recurrent, cascade, regnet, fused, two_patch_sizes, builtin_crop, static, stream)}


def golden_images() -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (IMAGES, S, S, 3), np.uint8)


def expected(program: Program, images: NDArray[np.uint8]) -> dict[str, Array]:
    """The oracle: every output of every call on images uint8 [N, S, S, 3], named as in golden.safetensors."""
    graphs = {graph.name: graph for graph in program.graphs}
    kept: dict[str, list[Array]] = {}
    values = {name: np.zeros(shape, dtype) for name, (shape, dtype, _) in program.registers.items()}
    for pixels in images:
        values.update({n: np.zeros(s, d) for n, (s, d, lifetime) in program.registers.items() if lifetime == "image"})
        values["image"] = pixels.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        for t, (calls, size) in enumerate(program.steps):
            for c in calls:
                inputs = {tensor: values[register] for tensor, register in c["inputs"].items()}
                if c["graph"] == CROP:
                    row, column = inputs["position"][0]
                    outputs = {"patch": inputs["image"][:, :, row : row + size, column : column + size]}
                else:
                    outputs = graphs[c["graph"]].run(**inputs)
                for tensor, register in c["outputs"].items():
                    values[register] = outputs[tensor]
                    kept.setdefault(key(t, c["graph"], tensor), []).append(outputs[tensor])
    return {name: np.concatenate(parts) for name, parts in kept.items()}


def draft(program: Program, **changes: Any) -> dict[str, Any]:
    """A manifest without its hashes."""
    steps: list[dict[str, Any]] = []
    for calls, size in program.steps:
        position = {} if size is None else {"position": "position", "patch_size": size}
        steps.append({"calls": calls, "logits": "logits", **position})
    files = {
        graph.name: {
            "path": f"onnx/{graph.name}.onnx",
            "inputs": [tensor.name for tensor in graph.model.graph.input],
            "outputs": [tensor.name for tensor in graph.model.graph.output],
            "tolerance": 1e-4,
        }
        for graph in program.graphs
    }
    rules = {
        "default": {
            "measure": "max_softmax",
            "temperature": [1.0] * len(steps),
            "thresholds": [0.9] * (len(steps) - 1),
        },
        "margin": {
            "measure": "margin",
            "temperature": [2.0] * len(steps),
            "thresholds": [None] * (len(steps) - 1),
            "calibration": {"data": "none", "step_ms": [0.0] * (len(steps) - 1) + [1e9]},
        },
    }
    return {
        "name": "tiny",
        "checkpoint": "c" * 64,
        "preprocessing": {"size": S, "resize": S + 2, "filter": "bilinear"},
        "registers": {
            n: {"shape": s, "dtype": d, "lifetime": lifetime, "initial": "input" if n == "image" else "zeros"}
            for n, (s, d, lifetime) in program.registers.items()
        },
        "steps": steps,
        "targets": {"onnx": {"graphs": files}},
        "labels": [f"class {index}" for index in range(K)],
        "rules": rules,
        "default_rule": "default",
        "golden": {"path": "golden.safetensors", "count": IMAGES},
        "tools": {"onnx": onnx.__version__},
        **changes,
    }  # fmt: skip


def make_bundle(folder: Path, program: Program, **changes: Any) -> Bundle:
    """Write a bundle of ``program`` to ``folder`` and open it; ``changes`` replace fields of the manifest."""
    (folder / "onnx").mkdir(parents=True)
    for graph in program.graphs:
        onnx.save(graph.model, folder / "onnx" / f"{graph.name}.onnx")
    images = golden_images()
    write_golden(folder / "golden.safetensors", images, expected(program, images))
    write_manifest(folder, draft(program, **changes))
    return open_bundle(folder)
