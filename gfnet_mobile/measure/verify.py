"""Does a target compute what the eager model computed? Each graph alone on golden inputs, then the whole loop.

A difference is the largest one over all golden images, relative to the golden tensor's largest value; the manifest says
how large it may be. Positions count in pixels: equal if nothing is compressed; otherwise one pixel apart is rounding,
or as many as the graph's tolerance is of the image's side, and what was cut at another place is not compared. There the
whole loop reports agreement of labels and steps instead. Where two runtimes of a target are here (Core ML and its
interpreter, on a Mac) both are compared with the golden vectors, and with each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.golden import GoldenCall, golden_calls, read_golden
from gfnet_mobile.bundle.manifest import CROP
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import CheckFailed, UserError
from gfnet_mobile.host.exit_rules import exit_steps
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.runtimes import INTERPRETED, open_program, runtimes_of, unavailable
from gfnet_mobile.runtimes.protocol import Runtime

Array = NDArray[Any]


@dataclass(frozen=True)
class Row:
    """One tensor of one step."""

    target: str
    runtime: str
    mode: Literal["graph", "loop"]
    step: int
    graph: str
    tensor: str
    difference: float
    tolerance: float

    def relative(self, size: int) -> float:
        """The difference as a tolerance counts it: of a position (pixels), a share of the image's side."""
        return self.difference / size if self.tensor == "position" else self.difference

    @property
    def ok(self) -> bool:
        return self.difference <= self.tolerance  # false for NaN


@dataclass(frozen=True)
class Agreement:
    """How many of the golden images end with the same label, and after the same number of steps."""

    target: str
    runtime: str
    images: int
    labels: int
    steps: int


@dataclass(frozen=True)
class Probed:
    """A graph whose operators were compared one by one with what they gave when they were exported."""

    target: str
    graph: str
    operators: int
    problem: str
    """the first that differs, "" if none does"""


@dataclass(frozen=True)
class Apart:
    """How far two runtimes of a target are apart on a tensor of a graph: the largest difference over all steps."""

    target: str
    runtimes: tuple[str, str]
    graph: str
    tensor: str
    difference: float


@dataclass(frozen=True)
class Ran:
    """What one runtime gave for every golden call: each graph alone, and in the whole loop."""

    runtime: str
    alone: list[dict[str, Array]]
    """nothing for the built-in crop"""
    loop: list[dict[str, Array]]


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)
    probed: list[Probed] = field(default_factory=list)
    apart: list[Apart] = field(default_factory=list)
    not_run: dict[str, str] = field(default_factory=dict)
    """target → why it could not run on this machine"""


def verify(bundle: Bundle, targets: Sequence[str]) -> Report:
    """Compare ``targets`` of a bundle with its golden vectors, as far as they run on this machine."""
    golden = read_golden(bundle)
    calls = list(golden_calls(bundle.manifest, golden))
    report = Report()
    for target in targets:
        bundle.target(target)
        if reason := unavailable(target):
            report.not_run[target] = reason
            continue
        runs = []
        for module in runtimes_of(target):
            with Session(bundle, target, module=module) as session:
                runs.append(_run(session, golden["images"], calls))
            _hold(report, bundle, target, calls, runs[-1])
        for other in runs[1:]:
            report.apart += _apart(target, calls, runs[0], other)
        report.probed += _probe(bundle, target)
    return report


def verify_session(session: Session) -> Report:
    """The same for one session, here or on a device."""
    golden = read_golden(session.bundle)
    calls = list(golden_calls(session.bundle.manifest, golden))
    report = Report()
    _hold(report, session.bundle, session.target, calls, _run(session, golden["images"], calls))
    return report


def _run(session: Session, images: Array, calls: list[GoldenCall]) -> Ran:
    alone = [_run_alone(session.runtime, one) if one.call.graph != CROP else {} for one in calls]
    return Ran(session.runtime.name, alone, _run_loop(session, images, calls))


def _hold(report: Report, bundle: Bundle, target: str, calls: list[GoldenCall], ran: Ran) -> None:
    """What ran against the golden vectors, into the report."""
    for recorded, outputs in zip(calls, ran.alone, strict=True):
        if outputs:
            report.rows += _compare(bundle, target, ran.runtime, "graph", recorded, outputs)
    if bundle.target(target).exact:
        for recorded, outputs in zip(calls, ran.loop, strict=True):
            report.rows += _compare(bundle, target, ran.runtime, "loop", recorded, outputs)
    report.agreements.append(_agreement(bundle, target, ran.runtime, calls, ran.loop))


def _apart(target: str, calls: list[GoldenCall], first: Ran, second: Ran) -> Iterator[Apart]:
    """Relative to the first's largest value; positions in pixels."""
    found: dict[tuple[str, str], float] = {}
    for recorded, one, other in zip(calls, first.alone, second.alone, strict=True):
        for tensor, values in one.items():
            place = recorded.call.graph, tensor
            found[place] = float(np.maximum(found.get(place, 0.0), _distance(other[tensor], values)))
    for (graph, tensor), difference in found.items():
        yield Apart(target, (first.runtime, second.runtime), graph, tensor, difference)


def _probe(bundle: Bundle, target: str) -> Iterator[Probed]:
    """Every operator of every graph, for targets that are interpreted."""
    described = bundle.target(target)
    if described.probes is None or target not in INTERPRETED:
        return
    from gfnet_mobile.mlprogram import probes

    records = probes.read(bundle.path(described.probes), described.graphs)
    for graph, file in described.graphs.items():
        program = open_program(bundle.folder, target, file, "fp64").program
        yield Probed(target, graph, len(records[graph].kinds), probes.compare(program, records[graph]))


def _run_alone(runtime: Runtime, recorded: GoldenCall) -> dict[str, Array]:
    """One graph on each golden image; outputs [N, ...]."""
    inputs = {tensor: values[:1].copy() for tensor, values in recorded.inputs.items()}
    outputs = {tensor: np.empty_like(values[:1]) for tensor, values in recorded.outputs.items()}
    call = runtime.bind(recorded.call.graph, inputs, outputs)
    results = {tensor: np.empty_like(values) for tensor, values in recorded.outputs.items()}
    for image in range(len(next(iter(results.values())))):
        for tensor, buffer in inputs.items():
            buffer[0] = recorded.inputs[tensor][image]
            runtime.wrote(buffer)
        call()
        runtime.read(*outputs.values())
        for tensor, buffer in outputs.items():
            results[tensor][image] = buffer[0]
    return results


def _run_loop(session: Session, images: Array, calls: list[GoldenCall]) -> list[dict[str, Array]]:
    """The whole program from the images on; for each call what its registers held at the end of its step."""
    results = [{tensor: np.empty_like(v) for tensor, v in recorded.outputs.items()} for recorded in calls]
    for image, pixels in enumerate(images):
        try:
            for step in session.steps(from_pixels(pixels)):
                for recorded, values in zip(calls, results, strict=True):
                    if recorded.step == step.index:
                        for tensor, register in recorded.call.outputs.items():
                            values[tensor][image] = session.register(register)[0]
        except UserError as error:
            raise CheckFailed(f"target {session.target!r}, golden image {image}: {error}") from error
    return results


def _compare(
    bundle: Bundle,
    target: str,
    runtime: str,
    mode: Literal["graph", "loop"],
    recorded: GoldenCall,
    outputs: dict[str, Array],
) -> Iterator[Row]:
    file = bundle.target(target).graphs.get(recorded.call.graph)
    tolerance, exact = file.tolerance if file else 0.0, bundle.target(target).exact
    position_register = bundle.manifest.steps[recorded.step].position
    alike = np.ones(len(next(iter(outputs.values()))), bool)
    for tensor, register in recorded.call.outputs.items():
        if register == position_register and not exact:
            alike = (outputs[tensor] == recorded.outputs[tensor]).all(axis=1)
    for tensor, golden in recorded.outputs.items():
        if mode == "loop" and _overwritten(bundle, recorded, recorded.call.outputs[tensor]):
            continue  # what follows from it in this step is compared, and the graph alone was
        found = outputs[tensor]
        if golden.dtype == np.int32:
            allowed = 0.0 if exact else max(1.0, tolerance * bundle.manifest.preprocessing.size)
            difference = _distance(found, golden)
        elif not alike.any():
            continue  # every patch was cut elsewhere; the position's row says how far
        else:
            difference, allowed = _distance(found[alike], golden[alike]), tolerance
        yield Row(target, runtime, mode, recorded.step, recorded.call.graph, tensor, difference, allowed)


def _overwritten(bundle: Bundle, recorded: GoldenCall, register: str) -> bool:
    """Does a later call of the same step write to ``register``?"""
    calls = bundle.manifest.steps[recorded.step].calls
    later = calls[calls.index(recorded.call) + 1 :]
    return any(register in call.outputs.values() for call in later)


def _distance(found: Array, golden: Array) -> float:
    """Largest difference: of positions in pixels, else relative to the largest golden value; NaN where there is nothing
    to compare."""
    if golden.size == 0:
        return float("nan")
    if golden.dtype == np.int32:
        return float(np.abs(found.astype(np.int64) - golden).max())
    exact = golden.astype(np.float64)
    return float(np.abs(found.astype(np.float64) - exact).max() / (np.abs(exact).max() or 1.0))


def _agreement(
    bundle: Bundle, target: str, runtime: str, calls: list[GoldenCall], outcomes: list[dict[str, Array]]
) -> Agreement:
    default = bundle.manifest.default_rule
    rule, own = bundle.manifest.rules[default], bundle.manifest.rules_of(target)[default]
    golden = _logits(bundle, calls, [recorded.outputs for recorded in calls])
    found = _logits(bundle, calls, outcomes)
    labels = golden[:, -1].argmax(axis=1) == found[:, -1].argmax(axis=1)
    steps = exit_steps(rule, golden) == exit_steps(own, found)
    return Agreement(target, runtime, len(golden), int(labels.sum()), int(steps.sum()))


def _logits(bundle: Bundle, calls: list[GoldenCall], outputs: list[dict[str, Array]]) -> NDArray[np.float32]:
    """The answer of every step, [N, T, K]."""
    answers: dict[int, Array] = {}
    for recorded, values in zip(calls, outputs, strict=True):
        for tensor, register in recorded.call.outputs.items():
            if register == bundle.manifest.steps[recorded.step].logits:
                answers[recorded.step] = values[tensor]
    return np.stack([answers[step] for step in sorted(answers)], axis=1)
