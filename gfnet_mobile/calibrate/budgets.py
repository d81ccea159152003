"""The published search: which share of the images leaves at each step, and what confidence that takes.

Paper, section 3.5 (budgeted batch). Of N images a geometric share ∝ q^(t+1) leaves at step t; many q make a curve of
accuracy against mean cost. Thresholds are read off the sorted confidences, step by step, with the released code's
quirks: where a quota is zero, or more than what ties have left over, nobody leaves at that step (threshold 1e8);
whoever ties with the last of a quota leaves with it. `threshold_search` is held against this.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.host.exit_rules import Floats, first_reaching

BUDGETS = 39
"""as published: q = 1/20 to 39/20"""
NOBODY, EVERYBODY = np.float32(1e8), np.float32(-1e8)
"""published thresholds of a step where nobody leaves, and of the last one"""


@dataclass(frozen=True)
class Outcome:
    """What the thresholds of B budgets lead to on N images."""

    accuracy: NDArray[np.float64]
    """[B], between 0 and 1"""
    cost: NDArray[np.float64]
    """[B], mean, in the unit of the costs given"""
    leaving: NDArray[np.int64]
    """[B, T], images that leave at each step"""


def exit_shares(steps: int, budgets: int = BUDGETS) -> Floats:
    """float32 [B, T]: the share of images that is to leave at each step; the first budget is the tightest."""
    ratio = np.arange(1, budgets + 1, dtype=np.float32) / np.float32((budgets + 1) / 2)
    powers = np.exp(np.log(ratio)[:, None] * np.arange(1, steps + 1, dtype=np.float32))
    shares: Floats = powers / powers.sum(axis=1, keepdims=True)
    return shares


def published_thresholds(confidence: Floats, budgets: int = BUDGETS) -> Floats:
    """float32 [B, T] from confidences float32 [T, N], as the released code finds them."""
    steps, count = confidence.shape
    quotas = np.floor(np.float32(count) * exit_shares(steps, budgets)).astype(np.int64)
    thresholds = np.full((budgets, steps), EVERYBODY, np.float32)
    gone = np.zeros((budgets, count), bool)
    for step in range(steps - 1):
        order = np.argsort(-confidence[step], kind="stable")
        for budget, quota in enumerate(quotas[:, step]):
            staying = order[~gone[budget, order]]
            found = 0 < quota <= len(staying)
            threshold = confidence[step, staying[quota - 1]] if found else NOBODY
            thresholds[budget, step] = threshold
            gone[budget] |= confidence[step] >= threshold
    return thresholds


def outcome(confidence: Floats, right: NDArray[np.bool_], thresholds: Floats, costs: NDArray[np.float64]) -> Outcome:
    """Thresholds [B, T - 1] or [B, T] on images with confidences [T, N], answers ``right`` [T, N] and cumulative
    ``costs`` [T]."""
    steps, count = confidence.shape
    accuracy, cost = np.empty(len(thresholds)), np.empty(len(thresholds))
    leaving = np.empty((len(thresholds), steps), np.int64)
    for budget, row in enumerate(thresholds):
        ends = first_reaching(confidence.T, row[: steps - 1])
        leaving[budget] = np.bincount(ends, minlength=steps)
        accuracy[budget] = right[ends, np.arange(count)].mean()
        cost[budget] = leaving[budget] @ costs / count
    return Outcome(accuracy, cost, leaving)
