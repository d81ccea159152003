"""Which measure with which temperatures, and whether a search pays: the simplest way that is as good as any.

Thresholds are found on one half of the images given and tried on the other, and vice versa. What is tried is worth its
right answers, less what it costs at the price that a goal puts on one. Of two ways that are no more than one standard
error apart the simpler is taken: thresholds that were searched fit their own images better than any others, most of all
where images are few.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import Measure
from gfnet_mobile.calibrate.budgets import outcome, published_thresholds
from gfnet_mobile.calibrate.temperature import temperatures
from gfnet_mobile.calibrate.threshold_search import (
    Goals,
    Images,
    Numbers,
    descend,
    images_of,
    search,
    threshold_row,
)
from gfnet_mobile.host.exit_rules import Floats, confidence, first_reaching

Right = NDArray[np.bool_]
"""[N, T]: is the answer of a step right?"""

MEASURES: tuple[Measure, ...] = ("max_softmax", "margin", "entropy")
"""the simplest first; each without temperatures before all with them"""
QUOTAS = 399
"""budgets of the published search; the 39 that were published are every tenth of them"""
PRICES = 5
"""at which forms are compared, at most"""
PART = 1_000_000
"""logits of which confidences are computed at a time"""


@dataclass(frozen=True)
class Form:
    """A rule without its thresholds, and how sure it is of some images, float32 [N, T]."""

    measure: Measure
    temperature: tuple[float, ...]
    """[T]"""
    sure: Floats

    def of(self, some: NDArray[np.intp]) -> "Form":
        """For some of its images."""
        return Form(self.measure, self.temperature, self.sure[some])

    def on(self, logits: Floats) -> Floats:
        """How sure it is of others, float32 [N, T] from logits [N, T, K]."""
        return _sure(self.measure, self.temperature, logits)


def plain_form(logits: Floats) -> Form:
    """The published one: the largest probability."""
    return _form("max_softmax", (1.0,) * logits.shape[1], logits)


def best_form(
    plain: Form, logits: Floats, labels: NDArray[np.int64], right: Right, costs: Numbers, prices: Numbers
) -> Form:
    """For logits [N, T, K], labels [N], costs [T], and prices [B] of a right answer; ``plain`` is the simplest form."""
    ones, fitted = plain.temperature, temperatures(logits, labels)
    forms = [plain, *(_form(measure, ones, logits) for measure in MEASURES[1:])]
    forms += [_form(measure, fitted, logits) for measure in MEASURES]
    some = np.unique(np.quantile(prices, np.linspace(0, 1, min(PRICES, len(prices))), method="nearest"))
    worth = [_worth_at(some, form.sure, right, costs) for form in forms]
    best = max(worth, key=lambda each: float(each.mean()))
    return next(form for form, each in zip(forms, worth, strict=True) if not _beats(best, each))


@dataclass(frozen=True)
class Published:
    """What the published search comes to for each of B goals."""

    reached: NDArray[np.bool_]
    """[B]: does one of its budgets meet the goal?"""
    thresholds: Floats
    """[B, T - 1]: of the best budget that does"""


def published(plain: Form, right: Right, costs: Numbers, wanted: Goals) -> Published:
    """Of `QUOTAS` budgets the one that serves each goal best."""
    rows = published_thresholds(np.ascontiguousarray(plain.sure.T), QUOTAS)[:, :-1]
    found = outcome(plain.sure.T, right.T, rows, costs)
    limits = wanted.limits[:, None]
    fits: NDArray[np.bool_]
    if wanted.kind == "cost":
        fits = found.cost <= limits * (1 + 1e-12)
        best = np.where(fits, found.accuracy, -1).argmax(axis=1)
    else:
        fits = found.accuracy >= limits - 1e-12
        best = np.where(fits, found.cost, np.inf).argmin(axis=1)
    return Published(np.any(fits, axis=1), rows[best])


@dataclass(frozen=True)
class Trial:
    """What searching for each of B goals comes to on images that it has not seen."""

    pays: NDArray[np.bool_]
    """[B]: does it beat the published search?"""
    optimism: Numbers
    """[B]: by how much its thresholds look righter, beside the last step, on the images that they were found on"""


def trial(form: Form, plain: Form, right: Right, costs: Numbers, wanted: Goals, prices: Numbers) -> Trial:
    """For goals at such ``prices`` [B] of a right answer. What a goal allows to be spent costs nothing."""
    if wanted.kind == "cost":
        prices = np.full(len(prices), np.inf)
    count, goals = len(right), len(prices)
    ahead, optimism = np.zeros((goals, count)), np.zeros((2, goals))
    known = np.ones(goals, bool)  # do both find something on both halves?
    halves = np.array_split(np.arange(count), 2)
    for number, (mine, others) in enumerate((halves, halves[::-1])):
        limits = wanted.limits
        if wanted.kind == "accuracy":  # one half may be easier than the other
            limits = limits + right[others, -1].mean() - right[:, -1].mean()
        goals_there = Goals(wanted.kind, limits)
        searched = search(images_of(form.sure[others], right[others], costs), goals_there)
        quota = published(plain.of(others), right[others], costs, goals_there)
        known &= searched.reached & quota.reached
        for place in np.flatnonzero(searched.reached):
            row, other = searched.thresholds[place], quota.thresholds[place]
            seen, unseen = (_ahead(form.sure[part], right[part], row) for part in (others, mine))
            optimism[number, place] = seen - unseen
            ours = _worth(form.sure[mine], right[mine], costs, row, prices[place])
            ahead[place, mine] = ours - _worth(plain.sure[mine], right[mine], costs, other, prices[place])
    pays = np.array([_beats(one, np.zeros(count)) for one in ahead])
    # half as many images, twice the optimism
    return Trial(pays | ~known, np.maximum(optimism.mean(axis=0), 0) / 2)


def settled(row: Floats, sure: Floats) -> tuple[float | None, ...]:
    """Thresholds [T - 1] as a rule has them: None where nobody leaves, 0 where all do of the images with confidences
    ``sure`` [N, T] that come there, so that no other image goes further either."""
    here = np.ones(len(sure), bool)
    thresholds: list[float | None] = []
    for step, threshold in enumerate(row):
        here &= sure[:, step] < threshold
        if not here.any():
            return (*thresholds, 0.0, *[None] * (len(row) - step - 1))
        thresholds.append(float(threshold) if threshold <= 1 else None)
    return tuple(thresholds)


def _form(measure: Measure, temperature: tuple[float, ...], logits: Floats) -> Form:
    return Form(measure, temperature, _sure(measure, temperature, logits))


def _sure(measure: Measure, temperature: tuple[float, ...], logits: Floats) -> Floats:
    """As a session computes it; in parts, since it does so in float64."""
    rows = max(1, PART // (logits.shape[1] * logits.shape[2]))
    scale = np.array(temperature)[:, None]
    return np.concatenate(
        [confidence(measure, scale, logits[start : start + rows]) for start in range(0, len(logits), rows)]
    )


def _beats(one: Numbers, other: Numbers) -> bool:
    """Is ``one`` [N] larger on average than ``other`` [N], by more than a standard error?"""
    ahead = one - other
    return bool(ahead.mean() > ahead.std() / np.sqrt(len(ahead)))


def _worth_at(prices: Numbers, sure: Floats, right: Right, costs: Numbers) -> Numbers:
    """[N]: of each image, mean over ``prices``, with thresholds that were found without it."""
    halves = np.array_split(np.arange(len(sure)), 2)
    worth = np.empty(len(sure))
    for mine, others in (halves, halves[::-1]):
        images = images_of(sure[others], right[others], costs)
        rows = [_searched_at(images, price) for price in prices]
        each = [_worth(sure[mine], right[mine], costs, row, price) for row, price in zip(rows, prices, strict=True)]
        worth[mine] = np.mean(each, axis=0)
    return worth


def _searched_at(images: Images, price: float) -> Floats:
    nobody = np.zeros(len(images.groups), np.intp)
    return np.array(threshold_row(images, descend(images, nobody, price)), np.float32)


def _worth(sure: Floats, right: Right, costs: Numbers, thresholds: Floats, price: float) -> Numbers:
    """[N]: right answers, less what they cost."""
    ends = first_reaching(sure, thresholds)
    worth: Numbers = right[np.arange(len(ends)), ends] - costs[ends] / price
    return worth


def _ahead(sure: Floats, right: Right, thresholds: Floats) -> float:
    """Accuracy, less that of the last step."""
    ends = first_reaching(sure, thresholds)
    return float(right[np.arange(len(ends)), ends].mean() - right[:, -1].mean())
