"""An exit rule for a goal, from cached logits of a validation set and measured latencies of a device.

Everything is found on one half of the images and judged on the other. The published search (paper, section 3.5) is
among the starting points, and is never better on the first half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import Calibration, ExitRule, Manifest
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import Floats, first_reaching
from gfnet_mobile.measure.expectation import Expectation, Figure, difference, expectation, step_times
from gfnet_mobile.measure.logits import Logits
from gfnet_mobile.measure.results import now
from gfnet_mobile.measure.rule_choice import Form, best_form, plain_form, published, trial
from gfnet_mobile.measure.step_latency import StepLatency
from gfnet_mobile.measure.threshold_search import Goals, Numbers, images_of, search

FEWEST = 100
"""images, half of which are to judge by"""
LATE = 0.05
"""share of the images that may take longer than a p95"""


@dataclass(frozen=True)
class Goal:
    """``mean_ms`` and ``p95_ms`` are milliseconds that are not to be passed, ``accuracy`` is a share of right answers
    between 0 and 1 that is to be kept, ``max_loss`` how far it may lie below the last step's."""

    kind: Literal["mean_ms", "p95_ms", "accuracy", "max_loss"]
    value: float

    def __str__(self) -> str:
        name = self.kind.removesuffix("_ms").replace("_", " ")
        unit = {"accuracy": "%", "max_loss": "points"}.get(self.kind, "ms")
        return f"{name} {self.value * (1 if unit == 'ms' else 100):.4g} {unit}"


@dataclass(frozen=True)
class Calibrated:
    """An exit rule, and what to expect of it."""

    goal: Goal
    rule: ExitRule
    found: Expectation
    """on the half that it was found on"""
    judged: Expectation
    """on the other half"""
    loss: Figure
    """accuracy of the last step less that of the rule, on the other half"""
    against: "Against | None"
    """the published search for the same goal; None where none of its budgets meets it"""


@dataclass(frozen=True)
class Against:
    """Another rule, on the half that is judged by."""

    accuracy: float
    mean_ms: float
    gain: Figure
    """accuracy of ours less its"""
    saved_ms: Figure
    """its mean time less ours"""


@dataclass(frozen=True)
class Half:
    """Some of the images."""

    logits: Floats
    """[N, T, K]"""
    labels: NDArray[np.int64]
    """[N]"""
    right: NDArray[np.bool_]
    """[N, T]"""


def calibrate(cached: Logits, latency: StepLatency, goals: Sequence[Goal], data: str) -> list[Calibrated]:
    """A rule for each goal, all of one kind; ``data`` names the images. Raises UserError where a goal cannot be met,
    and for logits that do not suffice."""
    count, steps, _ = cached.logits.shape
    if count < FEWEST:
        raise UserError(f"logits of {count} images; at least {FEWEST} are needed, half of them to judge by")
    if steps < 2:
        raise UserError("a network of one step needs no exit rule")
    parts = np.array_split(np.random.default_rng(0).permutation(count), 2)
    first, second = (_half(cached.logits[part], cached.labels[part]) for part in parts)
    rules = [rule for group in _groups(goals) for rule in _rules(first, latency, group)]
    return [
        _judged(goal, rule, heuristic, (first, second), latency, (data, cached.metadata.get("data")))
        for goal, (rule, heuristic) in zip(goals, rules, strict=True)
    ]


def check_logits(cached: Logits, manifest: Manifest, target: str) -> None:
    """Raise UserError unless these are logits of the bundle's network, as ``target`` computes them."""
    model, where, shape = cached.metadata["model"], cached.metadata.get("target", "eager"), cached.logits.shape[1:]
    steps, classes = len(manifest.steps), manifest.classes
    if model != manifest.checkpoint:
        raise UserError(
            f"logits of another network ({model[:12]}; the bundle's checkpoint is {manifest.checkpoint[:12]})"
        )
    if shape != (steps, classes):
        raise UserError(f"logits of {shape[0]} steps and {shape[1]} classes; the bundle has {steps} and {classes}")
    if where != target and not (manifest.targets[target].exact and _exact(manifest, where)):
        raise UserError(f"logits of {where}, but {target} is compressed; evaluate it with --target {target} --logits")
    if cached.labels.min() < 0 or cached.labels.max() >= classes:
        raise UserError(f"labels beyond the {classes} classes of the bundle")


def _exact(manifest: Manifest, where: str) -> bool:
    return where == "eager" or (where in manifest.targets and manifest.targets[where].exact)


def _half(logits: Floats, labels: NDArray[np.int64]) -> Half:
    return Half(logits, labels, logits.argmax(axis=2) == labels[:, None])


def _groups(goals: Sequence[Goal]) -> list[Sequence[Goal]]:
    """Goals that one search serves."""
    return [[goal] for goal in goals] if goals[0].kind == "p95_ms" else [goals]


def _costs(latency: StepLatency, goal: Goal) -> Numbers:
    """[T]: what leaving at each step costs. A p95 is a mean too: of the share of each step's walks that come late."""
    if goal.kind == "p95_ms":
        return (np.stack(latency.cumulative_ms) > goal.value).mean(axis=1)
    return latency.means_ms


def _wanted(goals: Sequence[Goal], first: Half) -> Goals:
    values = np.array([goal.value for goal in goals])
    if goals[0].kind == "mean_ms":
        return Goals("cost", values)
    if goals[0].kind == "p95_ms":
        return Goals("cost", np.full(len(values), LATE))
    return Goals("accuracy", values if goals[0].kind == "accuracy" else first.right[:, -1].mean() - values)


Chosen = tuple[Form, Floats]
"""a measure with its temperatures, and T - 1 thresholds"""


def _rules(first: Half, latency: StepLatency, goals: Sequence[Goal]) -> list[tuple[Chosen, Chosen | None]]:
    """For each goal what was chosen, and the published search's best."""
    costs, wanted, plain, right = (
        _costs(latency, goals[0]),
        _wanted(goals, first),
        plain_form(first.logits),
        first.right,
    )
    quota = published(plain, right, costs, wanted)
    starts = quota.thresholds[quota.reached]
    base = search(images_of(plain.sure, right, costs, starts), wanted, starts)
    for goal, reached in zip(goals, base.reached, strict=True):
        if not reached:
            raise UserError(f"goal {goal}: cannot be met; {_feasible(goal, latency, base.highest)}")
    form = best_form(plain, first.logits, first.labels, right, costs, base.price)
    tried = trial(form, plain, right, costs, wanted, base.price)
    kept = wanted if wanted.kind == "cost" else Goals("accuracy", wanted.limits + tried.optimism)
    found = search(images_of(form.sure, right, costs), kept)
    chosen: list[tuple[Chosen, Chosen | None]] = []
    for index, limit in enumerate(wanted.limits):
        searched, simple = (form, found.thresholds[index]), (plain, base.thresholds[index])
        heuristic = (plain, quota.thresholds[index]) if quota.reached[index] else None
        ours = searched if found.reached[index] else simple
        if heuristic is not None:
            worth = [_worth(way, first, costs, wanted.kind, limit) for way in (ours, heuristic)]
            ours = ours if tried.pays[index] and worth[0] >= worth[1] else heuristic
        chosen.append((ours, heuristic))
    return chosen


def _worth(chosen: Chosen, first: Half, costs: Numbers, kind: str, limit: float) -> tuple[float, float]:
    """Larger is better for a goal; minus infinity first where it is missed."""
    form, thresholds = chosen
    ends = first_reaching(form.sure, thresholds)
    accuracy, cost = float(first.right[np.arange(len(ends)), ends].mean()), float(costs[ends].mean())
    if kind == "cost":
        return (accuracy, -cost) if cost <= limit * (1 + 1e-9) else (-np.inf, -cost)
    return (-cost, accuracy) if accuracy >= limit - 1e-9 else (-np.inf, accuracy)


def _feasible(goal: Goal, latency: StepLatency, highest: float) -> str:
    if goal.kind == "mean_ms":
        return f"the glance alone takes {latency.means_ms[0]:.4g} ms on average"
    if goal.kind == "p95_ms":
        return f"the 95th percentile of the glance alone is {np.quantile(latency.cumulative_ms[0], 0.95):.4g} ms"
    return f"no thresholds that were tried get more than {100 * highest:.4g} % right"


def _judged(
    goal: Goal,
    chosen: Chosen,
    heuristic: Chosen | None,
    halves: tuple[Half, Half],
    latency: StepLatency,
    data: tuple[str, str | None],
) -> Calibrated:
    form, row = chosen
    thresholds = _settled(row, form.sure)
    last_step = thresholds.index(0.0) if 0.0 in thresholds else len(thresholds)
    first, second = (_outcome((form, _floats(thresholds)), half) for half in halves)
    found, judged = (expectation(ends, right, latency, last_step) for ends, right in (first, second))
    other = None if heuristic is None else _outcome(heuristic, halves[1])
    calibration = Calibration(
        data=data[0],
        data_hash=data[1],
        device=str(latency.context),
        goal=str(goal),
        date=now(),
        accuracy=judged.accuracy.value,
        mean_steps=judged.mean_steps,
        mean_ms=judged.mean_ms.value,
        p50_ms=judged.p50_ms,
        p95_ms=judged.p95_ms.value,
        worst_ms=judged.worst_ms,
        leaves=judged.leaves,
        step_ms=step_times(latency),
    )
    rule = ExitRule(
        measure=form.measure, temperature=form.temperature, thresholds=tuple(thresholds), calibration=calibration
    )
    loss = difference(halves[1].right[:, -1], second[1])
    return Calibrated(goal, rule, found, judged, loss, other and _against(second, other, latency.means_ms))


Outcome = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""[N]: the step at which each image leaves, and whether it is right there"""


def _outcome(chosen: Chosen, half: Half) -> Outcome:
    form, thresholds = chosen
    ends = first_reaching(form.on(half.logits), thresholds)
    return ends, half.right[np.arange(len(ends)), ends]


def _against(ours: Outcome, other: Outcome, costs: Numbers) -> Against:
    return Against(
        accuracy=float(other[1].mean()),
        mean_ms=float(costs[other[0]].mean()),
        gain=difference(ours[1], other[1]),
        saved_ms=difference(costs[other[0]], costs[ours[0]]),
    )


def _floats(thresholds: Sequence[float | None]) -> Floats:
    return np.array([np.inf if one is None else one for one in thresholds], np.float32)


def _settled(row: Floats, sure: Floats) -> list[float | None]:
    """Thresholds as a rule has them: None where nobody leaves, 0 where all of the images do that come there, so that no
    other image goes further either."""
    here = np.ones(len(sure), bool)
    thresholds: list[float | None] = []
    for step, threshold in enumerate(row):
        leaves = here & (sure[:, step] >= threshold)
        here &= ~leaves
        if not here.any():
            return [*thresholds, 0.0, *[None] * (len(row) - step - 1)]
        thresholds.append(float(threshold) if threshold <= 1 else None)
    return thresholds
