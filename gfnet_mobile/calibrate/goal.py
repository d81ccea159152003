"""What an exit rule is to reach, in milliseconds or accuracy, and what that means for a search of thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gfnet_mobile.calibrate.threshold_search import Goals, Numbers
from gfnet_mobile.measure.step_latency import StepLatency

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


def frontier(latency: StepLatency, count: int) -> list[Goal]:
    """So many means, from the glance's to that of all steps."""
    means = latency.means_ms
    return [Goal("mean_ms", float(mean)) for mean in np.linspace(means[0], means.max(), count)]


def costs_of(goal: Goal, latency: StepLatency) -> Numbers:
    """[T]: what leaving at each step costs. A p95 is a mean too: of the share of each step's walks that come late."""
    if goal.kind == "p95_ms":
        return (np.stack(latency.cumulative_ms) > goal.value).mean(axis=1)
    return latency.means_ms


def wanted(goals: Sequence[Goal], last: float) -> Goals:
    """Goals of one kind for a search; ``last`` is the last step's accuracy."""
    values = np.array([goal.value for goal in goals])
    if goals[0].kind == "mean_ms":
        return Goals("cost", values)
    if goals[0].kind == "p95_ms":
        return Goals("cost", np.full(len(values), LATE))
    return Goals("accuracy", values if goals[0].kind == "accuracy" else last - values)


def feasible(goal: Goal, latency: StepLatency, highest: float) -> str:
    """What could be asked for instead of a goal that cannot be met; ``highest`` is the best accuracy that was seen."""
    if goal.kind == "mean_ms":
        return f"the glance alone takes {latency.means_ms[0]:.4g} ms on average"
    if goal.kind == "p95_ms":
        return f"of the glance alone it is {np.quantile(latency.cumulative_ms[0], 1 - LATE):.4g} ms"
    return f"no thresholds that were tried get more than {100 * highest:.4g} % right"
