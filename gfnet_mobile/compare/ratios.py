"""How many times as long the best static network takes at equal accuracy, with an interval.

Two answers. *Deployable*: the fastest static network that is at least as accurate; what one would use instead.
*Interpolated*: the latency at just that accuracy on the line between the static networks around it. There is no such
network, and it is the stricter one for us: the next larger size is slower than the line.

Both are functions of a sample of images and of rounds. The interval comes from `DRAWS` of both, drawn anew: the same
images for all networks, and the same rounds for those that were measured in turn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gfnet_mobile.calibrate.expectation import Figure, drawn_medians, drawn_rounds
from gfnet_mobile.compare.contenders import Contender
from gfnet_mobile.compare.curves import Numbers, best_first
from gfnet_mobile.compare.options import Option

DRAWS = 1000
ROUNDING = 1e-9

Drawn = Mapping[str, Numbers]
"""contender's name → [DRAWS, T]: mean latency up to each step, ms"""


@dataclass(frozen=True)
class Ratio:
    """Static ÷ dynamic latency; infinite where no static network is as accurate."""

    deployable: Figure
    interpolated: Figure


def drawn_latencies(contenders: Sequence[Contender]) -> Drawn:
    random = np.random.default_rng(0)
    rounds: dict[tuple[str, ...], Numbers] = {}
    found = {}
    for one in contenders:
        times = np.stack(one.latency.cumulative_ms)
        key = (*(one.latency.runs or (one.name,)), str(times.shape[1]))
        if key not in rounds:
            rounds[key] = drawn_rounds(random, times.shape[1], DRAWS)
        found[one.name] = drawn_medians(times, rounds[key])
    return found


def ratio(dynamic: Option, statics: Sequence[Option], drawn: Drawn) -> Ratio:
    """Of a dynamic option to the best of ``statics`` (at least one)."""
    rows = np.column_stack([dynamic.ends, dynamic.right, *(one.right for one in statics)])
    patterns, counts = np.unique(rows, axis=0, return_counts=True)  # images that are alike to all
    images = np.random.default_rng(1).multinomial(counts.sum(), counts / counts.sum(), DRAWS) / counts.sum()
    once = _ratios(patterns, counts[None] / counts.sum(), *_exact(dynamic, statics))
    times = drawn[dynamic.contender.name], np.stack([drawn[one.contender.name][:, 0] for one in statics], axis=1)
    many = _ratios(patterns, images, *times)
    deployable, interpolated = (_figure(float(value[0]), draws) for value, draws in zip(once, many, strict=True))
    return Ratio(deployable, interpolated)


def _exact(dynamic: Option, statics: Sequence[Option]) -> tuple[Numbers, Numbers]:
    """[1, T] and [1, S] ms."""
    return dynamic.contender.latency.medians_ms[None], np.array([[one.mean_ms for one in statics]])


def _ratios(patterns: Numbers, images: Numbers, steps_ms: Numbers, statics_ms: Numbers) -> tuple[Numbers, Numbers]:
    """Deployable and interpolated, [D] each. ``patterns`` [G, 2 + S]: where the dynamic network leaves, whether it is
    right, whether each static one is; ``images`` [D, G]: the share of each; latencies [D, T] and [D, S]."""
    leaves = np.eye(steps_ms.shape[1])[patterns[:, 0]]  # [G, T]
    dynamic_ms = ((images @ leaves) * steps_ms).sum(axis=1)
    accuracy, accuracies = images @ patterns[:, 1], images @ patterns[:, 2:]
    reaches = accuracies >= accuracy[:, None] - ROUNDING
    deployable = np.where(reaches, statics_ms, np.inf).min(axis=1)
    rows = zip(accuracy, accuracies, statics_ms, strict=True)
    interpolated = np.array([_between(*row) for row in rows])
    return deployable / dynamic_ms, interpolated / dynamic_ms


def _between(wanted: float, accuracies: Numbers, times: Numbers) -> float:
    """Latency at an accuracy; the fastest network's where all are more accurate, infinite where none is."""
    best = best_first(accuracies, times)
    if wanted > accuracies[best[-1]] + ROUNDING:
        return float(np.inf)
    return float(np.interp(wanted, accuracies[best], times[best]))


def _figure(value: float, draws: Numbers) -> Figure:
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")  # draws may be infinite
    return Figure(value, float(low), float(high))
