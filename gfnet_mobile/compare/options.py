"""What can be deployed: each static network, and a dynamic one with each exit rule of its frontier.

Rules are found on one half of the images; everything else is of the other half, static networks' figures too. A mean
latency is the mean over images of what their step takes in the median round: rounds in which the machine did something
else do not move it, and networks that were measured in turn had the same share of those.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.calibrate.calibrate import Calibrated, calibrate
from gfnet_mobile.calibrate.expectation import Expectation, expectation
from gfnet_mobile.calibrate.goal import frontier
from gfnet_mobile.compare.contenders import Contender
from gfnet_mobile.host.exit_rules import exit_steps
from gfnet_mobile.measure.logits import halves


@dataclass(frozen=True)
class Option:
    """A network, with an exit rule where it has several steps."""

    contender: Contender
    rule: ExitRule | None
    fitted_accuracy: float
    """on the half that rules are found on, between 0 and 1"""
    fitted_ms: float
    """mean latency there"""
    ends: NDArray[np.int64]
    """[N]: where each image of the other half leaves"""
    right: NDArray[np.bool_]
    """[N]: whether it is right there"""
    mean_ms: float
    """mean latency on the other half"""
    expected: Expectation
    """on the other half, all rounds counted"""


def options_of(contender: Contender, budgets: int) -> list[Option]:
    """One for a static network; else the different rules of so many mean latencies, the tightest first."""
    if contender.steps == 1:
        return [_option(contender, None)]
    goals = frontier(contender.latency, budgets)
    found = {one.rule.thresholds: one for one in calibrate(contender.cached, contender.latency, goals, "compare")}
    return [_option(contender, one) for one in found.values()]


def _option(contender: Contender, calibrated: Calibrated | None) -> Option:
    rule = None if calibrated is None else calibrated.rule
    logits, labels = contender.cached.logits, contender.cached.labels
    ends = np.zeros(len(labels), np.int64) if rule is None else exit_steps(rule, logits)
    right = logits[np.arange(len(labels)), ends].argmax(axis=1) == labels
    first, second = halves(len(labels))
    return Option(
        contender=contender,
        rule=rule,
        fitted_accuracy=float(right[first].mean()),
        fitted_ms=float(contender.latency.medians_ms[ends[first]].mean()),
        ends=ends[second],
        right=right[second],
        mean_ms=float(contender.latency.medians_ms[ends[second]].mean()),
        expected=calibrated.judged if calibrated else expectation(ends[second], right[second], contender.latency, 0),
    )
