"""The manifest: what a runner does with an image, written down once for every language.

A bundle's ``manifest.json`` is a program. ``steps`` lists the calls of each step, a call maps a graph's tensors to
registers, registers are declared with shape and dtype. A runner is a small loop over that list; it knows no
backbone, no exit head and no number of steps. The same schema, as JSON Schema, is in ``docs/manifest.schema.json``.
"""

import json
import math
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

SCHEMA_VERSION = 1

CROP = "crop"
"""The one call that is no graph: cuts ``patch`` out of ``image`` at ``position``; the runner does it itself."""


NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
"""what a network may be called: its bundle is a folder of that name"""

LARGEST_REGISTER = 2**26
"""elements; a 4096 x 4096 image in RGB has fewer"""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _inside_bundle(path: str) -> str:
    parts = PurePosixPath(path)
    if not path.isprintable() or "\\" in path or ":" in path:
        raise ValueError(f"path {path!r} has characters that not every system takes")
    if path in ("", ".") or parts.is_absolute() or ".." in parts.parts or path != str(parts):
        raise ValueError(f"path {path!r} leaves the bundle")
    return path


RelativePath = Annotated[str, AfterValidator(_inside_bundle)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Filter = Literal["bilinear", "bicubic"]
Compression = Literal["none", "fp16", "int8", "palette4", "palette6", "palette8"]
"""how a graph is stored: float32, float16, 8-bit integers, or indices of so many bits into palettes of weights"""
Dtype = Literal["float32", "float16", "int32"]
FORMS: tuple[Compression, ...] = get_args(Compression)
Measure = Literal["max_softmax", "margin", "entropy"]


class Register(_Strict):
    """A tensor that outlives a call. ``zeros`` are filled anew at the start of its ``lifetime``."""

    shape: tuple[PositiveInt, ...] = Field(min_length=1, max_length=5)
    """[1, ...]: one image at a time"""
    dtype: Dtype
    initial: Literal["zeros", "input"] = "zeros"
    lifetime: Literal["image", "stream"] = "image"

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


class Call(_Strict):
    """One graph, run once; a step calls it no second time. All inputs are read before any output is written, so a
    register may be both."""

    graph: str
    inputs: dict[str, str]
    """tensor of the graph → register"""
    outputs: dict[str, str]


class Step(_Strict):
    """The calls of one step, and where its answer lies afterwards."""

    calls: tuple[Call, ...] = Field(min_length=1)
    logits: str
    """register, float32 [1, K]"""
    position: str | None = None
    """register, int32 [1, 2]: row and column of the patch's top-left pixel; none at the glance"""
    patch_size: PositiveInt | None = None
    """side of the square patch in pixels"""


class Preprocessing(_Strict):
    """From a picture file to ``image``: EXIF orientation, conversion to sRGB, antialiased resize of the short side
    as Pillow does it, centre crop, division by 255."""

    size: PositiveInt = Field(le=4096)
    """side S of the square image, pixels"""
    resize: PositiveInt = Field(le=8192)
    """length of the short side before the crop, pixels; at least ``size``"""
    filter: Filter


class GraphFile(_Strict):
    """Where a target keeps a graph. ``entry`` is the function (Core ML) or method (ExecuTorch) in that file."""

    path: RelativePath
    entry: str = "main"
    inputs: tuple[str, ...]
    """tensor names in the order of positional arguments"""
    outputs: tuple[str, ...]
    names: dict[str, str] = {}
    """tensor → what the file calls it, where its format reserves the tensor's name (``state`` in Core ML)"""
    pictures: tuple[str, ...] = ()
    """inputs that the file takes as a colour picture of 8 bits a channel (a pixel buffer), not as a float32 tensor"""
    compute_units: Literal["all", "cpu_and_ne", "cpu_and_gpu", "cpu"] = "all"
    """a suggestion to runtimes that can choose"""
    compression: Compression = "none"
    tolerance: float = Field(1e-4, gt=0)
    """largest difference from the eager model, relative to the tensor's largest value"""


class Target(_Strict):
    graphs: dict[str, GraphFile]
    probes: RelativePath | None = None
    """JSON file: what each operator of each graph gave on random inputs when it was exported, where a runtime can show
    its operators; see ``mlprogram/probes.py``"""
    rules: dict[str, "ExitRule"] = {}
    """exit rules found anew for this target, since compression moves confidences; others are the bundle's"""

    @property
    def exact(self) -> bool:
        """Is every graph stored as it was trained, so that positions must be equal?"""
        return all(graph.compression == "none" for graph in self.graphs.values())

    @property
    def compression(self) -> str:
        """The graphs' compression in one word; ``mixed`` where they differ."""
        words = {graph.compression for graph in self.graphs.values()}
        return words.pop() if len(words) == 1 else "mixed"


class Calibration(_Strict):
    """How an exit rule was found: on which data, for which device and goal, when, and what to expect."""

    data: str
    data_hash: Sha256 | None = None
    """of the data set, as cached logits have it"""
    device: str | None = None
    """model and system; runtime and threads"""
    goal: str | None = None
    date: str | None = None
    """ISO 8601"""
    accuracy: float | None = Field(None, ge=0, le=1)
    mean_steps: float | None = Field(None, ge=1)
    mean_ms: float | None = Field(None, ge=0)
    p50_ms: float | None = Field(None, ge=0)
    p95_ms: float | None = Field(None, ge=0)
    """all but one image in twenty have their answer by then"""
    worst_ms: float | None = Field(None, ge=0)
    """of an image that takes every step that the rule lets it take"""
    leaves: tuple[Annotated[float, Field(ge=0, le=1)], ...] | None = None
    """share of the images that leaves at each step"""
    step_ms: tuple[Annotated[float, Field(ge=0)], ...] | None = None
    """[T]: of each step alone, a time that it hardly ever exceeds; what a deadline reckons with"""


class ExitRule(_Strict):
    """Stop after step t when its confidence is at least ``thresholds[t]`` (null: never there). See host/exit_rules."""

    measure: Measure
    temperature: tuple[Annotated[float, Field(ge=1e-3, le=1e3)], ...]
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)] | None, ...]
    calibration: Calibration | None = None

    @property
    def step_ms(self) -> tuple[float, ...]:
        """Of its calibration; empty where that does not say."""
        return (self.calibration.step_ms if self.calibration else None) or ()

    @property
    def last_step(self) -> int:
        """The last one that an image can come to: at a threshold of 0 everything leaves."""
        return self.thresholds.index(0.0) if 0.0 in self.thresholds else len(self.thresholds)

    @property
    def anywhere(self) -> "ExitRule":
        """Without what holds on one device only."""
        if self.calibration is None:
            return self
        own = dict.fromkeys(("device", "mean_ms", "p50_ms", "p95_ms", "worst_ms", "step_ms"))
        return self.model_copy(update={"calibration": self.calibration.model_copy(update=own)})


class Golden(_Strict):
    path: RelativePath
    count: PositiveInt


class FileEntry(_Strict):
    sha256: Sha256
    bytes: int = Field(ge=0)


class Manifest(_Strict):
    schema_version: int = Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)
    name: str = Field(pattern=NAME)
    bundle_id: Sha256
    checkpoint: Sha256
    """hash of the checkpoint that the graphs were exported from"""
    preprocessing: Preprocessing
    registers: dict[str, Register]
    steps: tuple[Step, ...] = Field(min_length=1, max_length=8)
    targets: dict[str, Target] = Field(min_length=1)
    labels: tuple[str, ...] | None = None
    rules: dict[str, ExitRule] = Field(min_length=1)
    default_rule: str
    multiply_adds: tuple[PositiveInt, ...] | None = None
    """of an image that leaves at each step, if the exporter counted them"""
    golden: Golden
    files: dict[RelativePath, FileEntry]
    tools: dict[str, str]
    """what made the bundle: package → version"""

    @property
    def image(self) -> str:
        """The register that takes the image."""
        return next(name for name, register in self.registers.items() if register.initial == "input")

    @property
    def classes(self) -> int:
        return self.registers[self.steps[0].logits].shape[1]

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of all graphs that the program calls, in the order of their first call."""
        return tuple(dict.fromkeys(call.graph for step in self.steps for call in step.calls if call.graph != CROP))

    def rules_of(self, target: str) -> dict[str, ExitRule]:
        """Exit rules by name, the default first; those found anew for ``target`` in place of the bundle's."""
        names = dict.fromkeys((self.default_rule, *self.rules))
        return {name: self.targets[target].rules.get(name, self.rules[name]) for name in names}

    def files_of(self, path: str) -> dict[str, FileEntry]:
        """The files of a graph: one, or all below a package folder; keys relative to ``path`` ("" for a file)."""
        if path in self.files:
            return {"": self.files[path]}
        return {name[len(path) + 1 :]: entry for name, entry in self.files.items() if name.startswith(path + "/")}

    def graph_bytes(self, target: str, graph: str) -> int:
        """Size of a graph's file or package; all of it, where that holds other graphs too."""
        return sum(entry.bytes for entry in self.files_of(self.targets[target].graphs[graph].path).values())

    def target_bytes(self, target: str) -> int:
        """Size of all graphs."""
        paths = {file.path for file in self.targets[target].graphs.values()}
        return sum(entry.bytes for path in paths for entry in self.files_of(path).values())

    @model_validator(mode="after")
    def _is_consistent(self) -> "Manifest":
        for problem in _problems(self):
            raise ValueError(problem)
        return self


def _problems(m: Manifest) -> Iterator[str]:
    """Everything a runner would otherwise trip over, first things first."""
    inputs = [name for name, register in m.registers.items() if register.initial == "input"]
    size = m.preprocessing.size
    if len(inputs) != 1:
        yield f"registers: exactly one must have initial 'input', found {len(inputs)}"
        return
    if m.registers[inputs[0]].shape != (1, 3, size, size) or m.registers[inputs[0]].dtype != "float32":
        yield f"register {inputs[0]!r}: must be float32 [1, 3, {size}, {size}] as in preprocessing"
    if m.preprocessing.resize < size:
        yield f"preprocessing: resize {m.preprocessing.resize} is smaller than size {size}"
    for name, register in m.registers.items():
        if register.shape[0] != 1 or register.elements > LARGEST_REGISTER:
            shape = list(register.shape)
            yield f"register {name!r}: shape {shape} must be [1, ...] with at most {LARGEST_REGISTER} elements"
    for number, step in enumerate(m.steps):
        yield from _step_problems(m, number, step)
    for name, target in m.targets.items():
        yield from _target_problems(m, name, target)
    if m.labels is not None and len(m.labels) != m.classes:
        yield f"labels: {len(m.labels)} for {m.classes} classes"
    if m.multiply_adds is not None and len(m.multiply_adds) != len(m.steps):
        yield f"multiply_adds: {len(m.multiply_adds)} for {len(m.steps)} steps"
    if m.default_rule not in m.rules:
        yield f"default_rule {m.default_rule!r} is not among the rules"
    for name, rule in [pair for rules in (m.rules, *(t.rules for t in m.targets.values())) for pair in rules.items()]:
        if len(rule.thresholds) != len(m.steps) - 1:
            yield f"rule {name!r}: {len(rule.thresholds)} thresholds for {len(m.steps)} steps, must be one fewer"
        if len(rule.temperature) != len(m.steps):
            yield f"rule {name!r}: {len(rule.temperature)} temperatures for {len(m.steps)} steps"
        if rule.step_ms and len(rule.step_ms) != len(m.steps):
            yield f"rule {name!r}: {len(rule.step_ms)} step_ms for {len(m.steps)} steps"
    if m.golden.path not in m.files:
        yield f"golden: {m.golden.path} is not among the files"


def _step_problems(m: Manifest, number: int, step: Step) -> Iterator[str]:
    written: set[str] = set()
    graphs = [call.graph for call in step.calls]
    if len(set(graphs)) != len(graphs):
        yield f"step {number}: calls one graph twice"
    for call in step.calls:
        for tensor, name in (*call.inputs.items(), *call.outputs.items()):
            if name not in m.registers:
                yield f"step {number}, graph {call.graph!r}: {tensor!r} names register {name!r}, which is not declared"
                return
        if len(set(call.outputs.values())) != len(call.outputs):
            yield f"step {number}, graph {call.graph!r}: two outputs write one register"
        if m.image in call.outputs.values():
            yield f"step {number}, graph {call.graph!r}: writes the input register {m.image!r}"
        if call.graph == CROP:
            yield from _crop_problems(m, number, call)
        written.update(call.outputs.values())
    logits = m.registers.get(step.logits)
    if step.logits not in written or logits is None:
        yield f"step {number}: no call writes its logits {step.logits!r}"
    elif logits.dtype != "float32" or len(logits.shape) != 2 or logits.shape[0] != 1 or logits.shape[1] != m.classes:
        yield f"step {number}: logits {step.logits!r} must be float32 [1, K] with one K for all steps"
    if (step.position is None) != (step.patch_size is None):
        yield f"step {number}: position and patch_size go together"
    if step.position is not None:
        position = m.registers.get(step.position)
        if step.position not in written or position is None:
            yield f"step {number}: no call writes its position {step.position!r}"
        elif position.dtype != "int32" or position.shape != (1, 2):
            yield f"step {number}: position {step.position!r} must be int32 [1, 2]"
    if step.patch_size is not None and step.patch_size > m.preprocessing.size:
        yield f"step {number}: patch_size {step.patch_size} is larger than the image"


def _crop_problems(m: Manifest, number: int, call: Call) -> Iterator[str]:
    if set(call.inputs) != {"image", "position"} or set(call.outputs) != {"patch"}:
        yield f"step {number}: crop takes image and position and gives patch"
        return
    image, patch = m.registers[call.inputs["image"]], m.registers[call.outputs["patch"]]
    position = m.registers[call.inputs["position"]]
    if position.dtype != "int32" or position.shape != (1, 2):
        yield f"step {number}: crop needs an int32 [1, 2] position"
    fits = len(image.shape) == len(patch.shape) == 4 and image.shape[:2] == patch.shape[:2]
    if not fits or image.dtype != patch.dtype or any(p > i for p, i in zip(patch.shape, image.shape, strict=False)):
        yield f"step {number}: crop cannot cut {list(patch.shape)} out of {list(image.shape)}"


def _target_problems(m: Manifest, name: str, target: Target) -> Iterator[str]:
    for graph in m.graphs:
        if graph not in target.graphs:
            yield f"target {name!r}: graph {graph!r} is missing"
            return
        file = target.graphs[graph]
        if not m.files_of(file.path):
            yield f"target {name!r}, graph {graph!r}: {file.path} is not among the files"
        for call in (call for step in m.steps for call in step.calls if call.graph == graph):
            if sorted(call.inputs) != sorted(file.inputs) or sorted(call.outputs) != sorted(file.outputs):
                yield f"target {name!r}, graph {graph!r}: its tensors are not those of the program's call"
                return
            if any(call.inputs.get(tensor) != m.image for tensor in file.pictures):
                yield f"target {name!r}, graph {graph!r}: only the image can be a picture"
                return
    if target.probes is not None and target.probes not in m.files:
        yield f"target {name!r}: {target.probes} is not among the files"
    for rule in target.rules:
        if rule not in m.rules:
            yield f"target {name!r}: rule {rule!r} is not among the bundle's"
    for graph in target.graphs:
        if graph not in m.graphs:
            yield f"target {name!r}: no step calls graph {graph!r}"


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of ``manifest.json``."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Manifest.model_json_schema()}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
