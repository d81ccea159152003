"""Thresholds for a goal: as accurate as a mean cost allows, or as cheap as an accuracy allows.

The cost of leaving at each step may be milliseconds, multiply-adds or steps. Where all thresholds but one are fixed,
the best one follows from one pass over the images in the order of their confidence at that step: each that leaves
changes the cost and the number of right answers by what it would have come to later. Two ways use this:

- for a price per error, descend step by step, from the last to the first, until nothing changes; many prices find the
  points of the frontier's convex hull;
- what lies between them is found by moving one threshold of a solution as far as its goal allows.

Every pass offers all its thresholds to every goal, so that all goals profit from each other's search. Nothing is proved
optimal; `tests/test_threshold_search.py` compares with trying all thresholds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.host.exit_rules import Floats

Cuts = NDArray[np.intp]
"""[T - 1]: at each step, how many of its groups leave"""
Numbers = NDArray[np.float64]

CANDIDATES = 2048
"""thresholds that are tried at a step, where confidences take more values"""
PRICES = 24
"""of an error that are tried, first over a wide range, then as the frontier has them at so many costs"""
PASSES = 8
"""over all steps, at most; two or three are the rule"""


@dataclass(frozen=True)
class Images:
    """What a search needs to know of N images."""

    thresholds: tuple[Floats, ...]
    """[T - 1] of [G]: candidates of each step, falling"""
    groups: tuple[Cuts, ...]
    """[T - 1] of [N]: the first candidate that an image reaches; G where it reaches none"""
    right: Numbers
    """[T, N]: 1 where the answer of a step is right"""
    costs: Numbers
    """[T]: of leaving at each step; never falling"""

    @property
    def count(self) -> int:
        return self.right.shape[1]


@dataclass(frozen=True)
class Goals:
    """B goals of a kind."""

    kind: Literal["cost", "accuracy"]
    """a mean cost that is not to be passed, or an accuracy (between 0 and 1) that is to be kept"""
    limits: Numbers
    """[B]"""


@dataclass
class Best:
    """The best that was found so far for each of B goals; -1 right answers where nothing reaches it."""

    goals: Goals
    cuts: Cuts
    """[B, T - 1]"""
    right: Numbers
    """[B] images"""
    cost: Numbers
    """[B], of all images together"""


@dataclass(frozen=True)
class Found:
    """For each of B goals."""

    reached: NDArray[np.bool_]
    """[B]: can it be met?"""
    thresholds: Floats
    """[B, T - 1]; infinite where nobody leaves"""
    price: Numbers
    """[B]: what one more right answer costs there"""
    highest: float
    """the largest accuracy that was seen"""


def images_of(
    confidence: Floats, right: NDArray[np.bool_], costs: Sequence[float] | Numbers, starts: Floats | None = None
) -> Images:
    """From confidences [N, T] or [N, T - 1], right answers [N, T] and cumulative costs [T]. Thresholds ``starts``
    [S, T - 1] are among the candidates; others are values that occur, between 0 and 1, as a rule's must be."""
    steps = right.shape[1]
    thresholds, groups = [], []
    for step in range(steps - 1):
        sure = np.minimum(confidence[:, step], np.float32(1))
        ordered = np.sort(sure)
        some = ordered[np.linspace(0, len(sure) - 1, min(len(sure), CANDIDATES)).round().astype(np.intp)]
        given = np.empty(0, np.float32) if starts is None else starts[:, step]
        values = np.unique(np.concatenate([some, given[given <= 1]]))
        candidates = values[values >= 0][::-1]
        thresholds.append(candidates)
        groups.append(np.searchsorted(-candidates, -sure))
    rising = np.maximum.accumulate(np.array(costs, np.float64))
    return Images(tuple(thresholds), tuple(groups), np.ascontiguousarray(right.T, np.float64), rising)


def search(images: Images, goals: Goals, starts: Floats | None = None) -> Found:
    """The best thresholds for each goal, none of ``starts`` [S, T - 1] being better."""
    grid = Goals("cost", np.linspace(images.costs[0], images.costs[-1], PRICES))
    ladder, best = _nobody(images, grid), _nobody(images, goals)
    nobody = np.zeros(len(images.groups), np.intp)
    for start in [] if starts is None else starts:
        _offer_around(images, _cuts(images, start), (ladder, best))
    most = (images.costs[-1] - images.costs[0]) or 1.0  # that an image can cost more than another
    cuts = nobody
    for price in most * np.geomspace(images.count, 0.1, PRICES):
        cuts = descend(images, cuts, price, (ladder, best))
        descend(images, nobody, price, (ladder, best))
    prices = _slopes(ladder)
    for price, cuts in zip(prices, ladder.cuts.copy(), strict=True):
        descend(images, cuts, price, (ladder, best))
    _push(images, best)
    mean = best.cost / images.count
    return Found(
        reached=best.right >= 0,
        thresholds=np.array([threshold_row(images, cuts) for cuts in best.cuts], np.float32),
        price=np.interp(mean, grid.limits, _slopes(ladder)),
        highest=float(max(ladder.right.max(), best.right.max())) / images.count,
    )


def descend(images: Images, cuts: Cuts, price: float, bests: Sequence[Best] = ()) -> Cuts:
    """From ``cuts`` to such that no change at one step makes cost + ``price`` * errors smaller."""
    cuts = cuts.copy()
    for _ in range(PASSES):
        before = cuts.copy()
        for step, costs, rights in _scans(images, cuts):
            for best in bests:
                _offer(best, images.count, cuts, step, costs, rights)
            cuts[step] = int((costs - price * rights).argmin())
        if np.array_equal(cuts, before):
            break
    return cuts


def threshold_row(images: Images, cuts: Cuts) -> list[np.float32]:
    """[T - 1]; infinite where nobody leaves."""
    return [
        candidates[cut - 1] if cut else np.float32(np.inf)
        for candidates, cut in zip(images.thresholds, cuts, strict=True)
    ]


def _cuts(images: Images, thresholds: Floats) -> Cuts:
    """Of thresholds [T - 1] that are among the candidates."""
    found = [(values >= threshold).sum() for values, threshold in zip(images.thresholds, thresholds, strict=True)]
    return np.array(found, np.intp)


def _nobody(images: Images, goals: Goals) -> Best:
    """That nobody leaves before the last step, for each goal that this meets."""
    shape = len(goals.limits)
    whole, right = np.full(shape, images.count * images.costs[-1]), np.full(shape, images.right[-1].sum())
    if goals.kind == "cost":
        fits = images.costs[-1] <= goals.limits * (1 + 1e-12)
    else:
        fits = right >= _least(images.count, goals)
    nobody = np.zeros((shape, len(images.groups)), np.intp)
    return Best(goals, nobody, np.where(fits, right, -1.0), np.where(fits, whole, np.inf))


def _least(count: int, goals: Goals) -> Numbers:
    """[B]: right answers that an accuracy takes."""
    return np.ceil(count * goals.limits - 1e-9)


def _scans(images: Images, cuts: Cuts) -> Iterator[tuple[int, Numbers, Numbers]]:
    """From the last step that has a threshold to the first: cost and right answers of all images for every cut [G + 1]
    there, where the other steps are cut as ``cuts`` says. A step may be cut anew before the next is asked for."""
    reaching, gone_cost, gone_right = [np.ones(images.count)], [0.0], [0.0]  # 1 where an image comes to a step
    for step in range(len(cuts) - 1):
        stay = reaching[-1] * (images.groups[step] >= cuts[step])
        leaves = reaching[-1] - stay
        reaching.append(stay)
        gone_cost.append(gone_cost[-1] + images.costs[step] * leaves.sum())
        gone_right.append(gone_right[-1] + images.right[step] @ leaves)
    cost, right = np.full(images.count, images.costs[-1]), images.right[-1]  # what going on comes to, [N]
    for step in reversed(range(len(cuts))):
        here, own_cost, own_right = reaching[step], images.costs[step], images.right[step]
        costs = gone_cost[step] + here @ cost + _leaving(images, step, here * (own_cost - cost))
        rights = gone_right[step] + here @ right + _leaving(images, step, here * (own_right - right))
        yield step, costs, rights
        leaves = images.groups[step] < cuts[step]
        cost, right = np.where(leaves, own_cost, cost), np.where(leaves, own_right, right)


def _leaving(images: Images, step: int, amounts: Numbers) -> Numbers:
    """Sum of ``amounts`` [N] over the images that leave at ``step``, for every cut [G + 1]."""
    most = len(images.thresholds[step])
    return np.append(0.0, np.bincount(images.groups[step], amounts, most + 1)[:most].cumsum())


def _offer(best: Best, count: int, cuts: Cuts, step: int, costs: Numbers, rights: Numbers) -> None:
    """``cuts`` with any other cut at ``step``, where it is better: cost and right answers of all ``count`` images for
    each [G + 1]. The more leave, the less it costs."""
    falling = np.minimum.accumulate(costs)  # but for rounding it is
    most = np.maximum.accumulate(rights[::-1])[::-1]  # right answers with this cut or one where more leave
    if best.goals.kind == "cost":
        first = np.searchsorted(-falling, -count * best.goals.limits * (1 + 1e-12))
        wanted = np.where(first < len(most), most[np.minimum(first, len(most) - 1)], np.inf)
    else:
        wanted = _least(count, best.goals)
    cut = np.searchsorted(-most, -wanted, side="right") - 1  # where most leave of those with so many right answers
    cost, right = falling[cut], rights[cut]
    cheaper, righter = cost < best.cost * (1 - 1e-12), right > best.right
    if best.goals.kind == "cost":
        better = (cut >= 0) & (righter | (cheaper & (right == best.right)))
    else:
        better = (cut >= 0) & (cheaper | (righter & (cost <= best.cost * (1 + 1e-12))))
    best.cost[better], best.right[better] = cost[better], right[better]
    best.cuts[better] = cuts
    best.cuts[better, step] = cut[better]


def _offer_around(images: Images, cuts: Cuts, bests: Sequence[Best]) -> None:
    """``cuts``, and all that differ from them at one step."""
    for step, costs, rights in _scans(images, cuts):
        for best in bests:
            _offer(best, images.count, cuts, step, costs, rights)


def _push(images: Images, best: Best) -> None:
    """Each goal's solution, as long as one of its thresholds can be moved to a better one."""
    done: set[bytes] = set()
    for _ in range(PASSES):
        open_ones = {cuts.tobytes(): cuts for cuts in best.cuts.copy()}
        if open_ones.keys() <= done:
            break
        for name, cuts in open_ones.items():
            if name not in done:
                _offer_around(images, cuts, (best,))
        done |= open_ones.keys()


def _slopes(ladder: Best) -> Numbers:
    """[B]: at each cost, what one more right answer costs on the convex hull of what was found."""
    cost, right = ladder.cost, ladder.right
    hull: list[int] = []
    for index in np.lexsort((-right, cost)).tolist():
        if right[index] < 0 or (hull and right[index] <= right[hull[-1]]):
            continue
        while len(hull) > 1 and _price(ladder, hull[-2], hull[-1]) >= _price(ladder, hull[-1], index):
            hull.pop()
        hull.append(index)
    if len(hull) < 2:
        return np.ones_like(cost)
    prices = [_price(ladder, one, other) for one, other in pairwise(hull)]
    middles = [(cost[one] + cost[other]) / 2 for one, other in pairwise(hull)]
    return np.interp(np.where(right < 0, 0.0, cost), middles, prices)


def _price(ladder: Best, one: int, other: int) -> float:
    return float((ladder.cost[other] - ladder.cost[one]) / (ladder.right[other] - ladder.right[one]))
