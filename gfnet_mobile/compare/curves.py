"""Lines beside the options: the convex hull, and the oracle."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.compare.contenders import Contender
from gfnet_mobile.measure.logits import halves

Numbers = NDArray[np.float64]
Spot = tuple[float, float]
"""accuracy (between 0 and 1), mean latency in ms"""


def best_first(accuracy: Sequence[float] | Numbers, latency: Sequence[float] | Numbers) -> list[int]:
    """Indices of the points that no other is both at least as accurate and at least as fast as, the fastest first."""
    accurate, kept = np.asarray(accuracy, np.float64), list[int]()
    for index in np.lexsort((-accurate, np.asarray(latency, np.float64))).tolist():
        if not kept or accurate[index] > accurate[kept[-1]]:
            kept.append(index)
    return kept


def hull(spots: Sequence[Spot]) -> list[Spot]:
    """What drawing lots between two of ``spots`` for each image gives on average at best; the fastest first.

    A mixture is no network: equal images get unequal answers. So it is drawn, and no verdict rests on it.
    """
    kept: list[Spot] = []
    for index in best_first([spot[0] for spot in spots], [spot[1] for spot in spots]):
        while len(kept) > 1 and _gain(kept[-2], kept[-1]) <= _gain(kept[-2], spots[index]):
            kept.pop()
        kept.append(spots[index])
    return kept


def _gain(one: Spot, other: Spot) -> float:
    """Accuracy per ms between two spots, the second being the slower."""
    return (other[0] - one[0]) / max(other[1] - one[1], 1e-12)


def oracle(contender: Contender) -> list[Spot]:
    """`oracle_spots` on the half of the images that is judged by."""
    _, second = halves(len(contender.cached.labels))
    logits, labels = contender.cached.logits[second], contender.cached.labels[second]
    return oracle_spots(logits.argmax(axis=2) == labels[:, None], contender.latency.medians_ms)


def oracle_spots(right: NDArray[np.bool_], times: Numbers) -> list[Spot]:
    """Whoever knows beforehand which exit is the cheapest right one of each image, from right answers [N, T] and the
    mean latency up to each step, ms [T]: one spot for each step that it goes to at most. Images that it will not get
    right leave at the glance. Between two spots it takes the step for some of the images, so that the line between them
    is the oracle's as well."""
    steps = len(times)
    first = np.where(right.any(axis=1), right.argmax(axis=1), steps)
    spots = []
    for most in range(steps):
        ends = np.where(first <= most, first, 0)
        spots.append((float((first <= most).mean()), float(times[ends].mean())))
    return spots


def oracle_ms(spots: Sequence[Spot], accuracy: float) -> float:
    """The oracle's mean latency at an accuracy that it reaches."""
    return float(np.interp(accuracy, [spot[0] for spot in spots], [spot[1] for spot in spots]))
