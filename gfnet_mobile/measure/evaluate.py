"""How often a network is right: at every step, where its exit rule stops, and for a range of budgets."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.calibrate.budgets import BUDGETS, outcome, published_thresholds
from gfnet_mobile.calibrate.threshold_search import Goals, images_of, search
from gfnet_mobile.host.exit_rules import confidence, exit_steps
from gfnet_mobile.measure.logits import halves


@dataclass(frozen=True)
class AtRule:
    """Where an exit rule stops. Shares lie between 0 and 1."""

    share: tuple[float, ...]
    """of the images that leave at each step"""
    right: tuple[float, ...]
    """accuracy among those that leave there; 0 where none do"""
    accuracy: float
    mean_steps: float


@dataclass(frozen=True)
class Budget:
    """One point of the budgeted-batch curve: thresholds found on one half of the images, the rest seen on the other."""

    thresholds: tuple[float | None, ...]
    """None: nobody leaves there"""
    accuracy: float
    cost: float
    """mean, in the unit of the costs given"""
    share: tuple[float, ...]


def top(logits: NDArray[np.float32], labels: NDArray[np.int64], most: int) -> tuple[float, ...]:
    """Share of images whose label is among the ``most`` largest of each step's logits [N, T, K]. Of equal ones the
    first goes ahead, as in an answer."""
    own = np.take_along_axis(logits, labels[:, None, None], axis=2)
    earlier = (np.arange(logits.shape[2]) < labels[:, None])[:, None]
    ahead = (logits > own) | ((logits == own) & earlier)
    return tuple((ahead.sum(axis=2) < most).mean(axis=0).tolist())


def at_rule(logits: NDArray[np.float32], labels: NDArray[np.int64], rule: ExitRule) -> AtRule:
    """``logits`` [N, T, K] and ``labels`` [N] under ``rule``."""
    count, steps, _ = logits.shape
    ends = exit_steps(rule, logits)
    right = logits[np.arange(count), ends].argmax(1) == labels
    leaving = [ends == step for step in range(steps)]
    return AtRule(
        share=tuple(float(gone.mean()) for gone in leaving),
        right=tuple(float(right[gone].mean()) if gone.any() else 0.0 for gone in leaving),
        accuracy=float(right.mean()),
        mean_steps=float(ends.mean()) + 1,
    )


def budget_curve(
    logits: NDArray[np.float32], labels: NDArray[np.int64], costs: Sequence[float], *, as_published: bool = False
) -> list[Budget]:
    """From the tightest budget to the widest: mean costs, evenly from the first step's to the last's, or the published
    quotas. ``costs`` [T] are cumulative."""
    sure = confidence("max_softmax", 1.0, logits).T
    right = (logits.argmax(2) == labels[:, None]).T
    first, second = halves(len(labels))
    if as_published:
        thresholds = published_thresholds(np.ascontiguousarray(sure[:, first]))[:, : len(costs) - 1]
    else:
        means = np.linspace(costs[0], max(costs), BUDGETS)
        thresholds = search(images_of(sure[:, first].T, right[:, first].T, costs), Goals("cost", means)).thresholds
    found = outcome(sure[:, second], right[:, second], thresholds, np.array(costs, np.float64))
    return [
        Budget(
            thresholds=tuple(None if value > 1 else float(value) for value in row),
            accuracy=float(accuracy),
            cost=float(cost),
            share=tuple((leaving / len(second)).tolist()),
        )
        for row, accuracy, cost, leaving in zip(thresholds, found.accuracy, found.cost, found.leaving, strict=True)
    ]
