"""An exit rule for a goal, from cached logits of a validation set and measured latencies of a device.

Everything is found on one half of the images and judged on the other. On the first half no rule is worse than that of
the published search (paper, section 3.5), which is taken where a search of our own does not pay on images that it has
not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import Calibration, ExitRule, Manifest
from gfnet_mobile.calibrate.expectation import Expectation, Figure, difference, expectation, step_times
from gfnet_mobile.calibrate.goal import Goal, costs_of, feasible, wanted
from gfnet_mobile.calibrate.rule_choice import Form, Right, best_form, plain_form, published, settled, trial
from gfnet_mobile.calibrate.threshold_search import Goals, Numbers, images_of, search
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import Floats, first_reaching
from gfnet_mobile.measure.logits import Logits, halves
from gfnet_mobile.measure.results import now
from gfnet_mobile.measure.step_latency import StepLatency

FEWEST = 100
"""images, half of which are to judge by"""


@dataclass(frozen=True)
class Against:
    """The published search for the same goal, on the half that is judged by."""

    accuracy: float
    mean_ms: float
    gain: Figure
    """accuracy of our rule less its"""
    saved_ms: Figure
    """its mean time less ours"""


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
    against: Against | None
    """None where no budget of the published search meets the goal"""


@dataclass(frozen=True)
class Half:
    """Some of the images."""

    logits: Floats
    """[N, T, K]"""
    labels: NDArray[np.int64]
    """[N]"""
    right: Right


@dataclass(frozen=True)
class Way:
    """A measure with its temperatures, and T - 1 thresholds."""

    form: Form
    thresholds: Floats


def check_logits(cached: Logits, manifest: Manifest, target: str) -> None:
    """Raise UserError unless these are logits of the bundle's network, as ``target`` computes them."""
    model, where, shape = cached.metadata["model"], cached.metadata.get("target", "eager"), cached.logits.shape[1:]
    steps, classes = len(manifest.steps), manifest.classes
    if model != manifest.checkpoint:
        raise UserError(f"logits of another network (checkpoint {model[:12]}, not {manifest.checkpoint[:12]})")
    if shape != (steps, classes):
        raise UserError(f"logits of {shape[0]} steps and {shape[1]} classes; the bundle has {steps} and {classes}")
    exact = where == "eager" or (where in manifest.targets and manifest.targets[where].exact)
    if where != target and not (exact and manifest.targets[target].exact):
        raise UserError(f"logits of {where} are not those of {target}: run evaluate with --target {target} --logits")
    if cached.labels.min() < 0 or cached.labels.max() >= classes:
        raise UserError(f"labels beyond the {classes} classes of the bundle")


def calibrate(cached: Logits, latency: StepLatency, goals: Sequence[Goal], data: str) -> list[Calibrated]:
    """A rule for each goal, all of one kind; ``data`` names the images. Raises UserError where a goal cannot be met,
    and for logits that do not suffice."""
    count, steps, _ = cached.logits.shape
    if count < FEWEST:
        raise UserError(f"logits of {count} images; at least {FEWEST} are needed, half of them to judge by")
    if steps < 2:
        raise UserError("a network of one step needs no exit rule")
    first, second = (_half(cached.logits[part], cached.labels[part]) for part in halves(count))
    groups = [[goal] for goal in goals] if goals[0].kind == "p95_ms" else [goals]  # a p95 has costs of its own
    ways = [pair for group in groups for pair in _ways(first, latency, group)]
    forms = {id(way.form): way.form for pair in ways for way in pair if way is not None}
    unseen = {name: form.on(second.logits) for name, form in forms.items()}
    about = Calibration(
        data=data,
        data_hash=cached.metadata.get("data"),
        device=str(latency.context),
        date=now(),
        step_ms=step_times(latency),
    )
    return [
        _judged(goal, pair, (first, second), unseen, latency, about) for goal, pair in zip(goals, ways, strict=True)
    ]


def _half(logits: Floats, labels: NDArray[np.int64]) -> Half:
    return Half(logits, labels, logits.argmax(axis=2) == labels[:, None])


def _ways(first: Half, latency: StepLatency, goals: Sequence[Goal]) -> list[tuple[Way, Way | None]]:
    """For each goal what is taken, and what the published search finds."""
    costs, goal, right = costs_of(goals[0], latency), wanted(goals, float(first.right[:, -1].mean())), first.right
    plain = plain_form(first.logits)
    quota = published(plain, right, costs, goal)
    starts = quota.thresholds[quota.reached]
    base = search(images_of(plain.sure, right, costs, starts), goal, starts)
    if not base.reached.all():
        missed = goals[int(base.reached.argmin())]
        raise UserError(f"goal {missed}: cannot be met; {feasible(missed, latency, base.highest)}")
    form = best_form(plain, first.logits, first.labels, right, costs, base.price)
    tried = trial(form, plain, right, costs, goal, base.price)
    safer = goal if goal.kind == "cost" else Goals("accuracy", goal.limits + tried.optimism)
    found = search(images_of(form.sure, right, costs), safer)
    ways: list[tuple[Way, Way | None]] = []
    for index, limit in enumerate(goal.limits.tolist()):
        ours = Way(form, found.thresholds[index]) if found.reached[index] else Way(plain, base.thresholds[index])
        other = Way(plain, quota.thresholds[index]) if quota.reached[index] else None
        if other is not None:
            worse = _worth(ours, right, costs, goal.kind, limit) < _worth(other, right, costs, goal.kind, limit)
            ours = other if worse or not tried.pays[index] else ours
        ways.append((ours, other))
    return ways


def _worth(way: Way, right: Right, costs: Numbers, kind: str, limit: float) -> tuple[float, float]:
    """Larger is better for a goal; minus infinity first where it is missed."""
    ends, answers = _outcome(way.form.sure, way.thresholds, right)
    accuracy, cost = float(answers.mean()), float(costs[ends].mean())
    if kind == "cost":
        return (accuracy, -cost) if cost <= limit * (1 + 1e-9) else (-np.inf, -cost)
    return (-cost, accuracy) if accuracy >= limit - 1e-9 else (-np.inf, accuracy)


Outcome = tuple[NDArray[np.int64], NDArray[np.bool_]]
"""[N]: the step at which each image leaves, and whether it is right there"""


def _outcome(sure: Floats, thresholds: Floats, right: Right) -> Outcome:
    ends = first_reaching(sure, thresholds)
    return ends, right[np.arange(len(ends)), ends]


def _judged(
    goal: Goal,
    pair: tuple[Way, Way | None],
    halves: tuple[Half, Half],
    unseen: Mapping[int, Floats],
    latency: StepLatency,
    about: Calibration,
) -> Calibrated:
    """What to expect of the first way, beside the other; ``unseen`` holds the forms' confidences on the second half."""
    ours, other = pair
    thresholds = settled(ours.thresholds, ours.form.sure)
    rule = ExitRule(measure=ours.form.measure, temperature=ours.form.temperature, thresholds=thresholds)
    row = np.array([np.inf if one is None else one for one in thresholds], np.float32)
    first, second = halves
    mine = _outcome(unseen[id(ours.form)], row, second.right)
    theirs = None if other is None else _outcome(unseen[id(other.form)], other.thresholds, second.right)
    judged = expectation(*mine, latency, rule.last_step)
    expected = {
        "goal": str(goal),
        "accuracy": judged.accuracy.value,
        "mean_steps": judged.mean_steps,
        "mean_ms": judged.mean_ms.value,
        "p50_ms": judged.p50_ms,
        "p95_ms": judged.p95_ms.value,
        "worst_ms": judged.worst_ms,
        "leaves": judged.leaves,
    }
    return Calibrated(
        goal=goal,
        rule=rule.model_copy(update={"calibration": about.model_copy(update=expected)}),
        found=expectation(*_outcome(ours.form.sure, row, first.right), latency, rule.last_step),
        judged=judged,
        loss=difference(second.right[:, -1], mine[1]),
        against=theirs and _against(mine, theirs, latency.means_ms),
    )


def _against(ours: Outcome, theirs: Outcome, costs: Numbers) -> Against:
    return Against(
        accuracy=float(theirs[1].mean()),
        mean_ms=float(costs[theirs[0]].mean()),
        gain=difference(ours[1], theirs[1]),
        saved_ms=difference(costs[theirs[0]], costs[ours[0]]),
    )
