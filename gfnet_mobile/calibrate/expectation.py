"""What to expect of an exit rule: how often it is right, and how long it takes, each with a 95 % interval.

Accuracy has Wilson's interval. Times come from two samples, of images (where each leaves) and of rounds (how long each
step took), and both are drawn anew `DRAWS` times, rounds as a whole: a bootstrap.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.measure.step_latency import StepLatency, weighted_quantile

DRAWS = 300
SLOW = 0.995
"""the share of walks that a worst case, and a step's time for a deadline, is not to be below"""
NORMAL = 1.96
"""standard errors either side"""


@dataclass(frozen=True)
class Figure:
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Expectation:
    """Of a rule on N images."""

    count: int
    accuracy: Figure
    """between 0 and 1"""
    mean_steps: float
    mean_ms: Figure
    p50_ms: float
    p95_ms: Figure
    worst_ms: float
    """of an image that takes every step that it can take"""
    leaves: tuple[float, ...]
    """share that leaves at each step"""


def expectation(ends: NDArray[np.int64], right: NDArray[np.bool_], latency: StepLatency, last_step: int) -> Expectation:
    """Of images that leave at steps ``ends`` [N], where they are ``right`` [N]; none can go beyond ``last_step``."""
    times = np.stack(latency.cumulative_ms)  # [T, rounds]
    steps, rounds = times.shape
    shares = np.bincount(ends, minlength=steps) / len(ends)
    random = np.random.default_rng(0)
    drawn_shares = random.multinomial(len(ends), shares, DRAWS) / len(ends)
    drawn = drawn_rounds(random, rounds, DRAWS)
    weights = drawn_shares[:, :, None] * drawn[:, None, :]  # [draws, T, rounds]
    once = shares[None, :, None] * np.full((1, 1, rounds), 1 / rounds)
    return Expectation(
        count=len(ends),
        accuracy=_share(right),
        mean_steps=float(ends.mean()) + 1,
        mean_ms=_figure(float(shares @ latency.means_ms), (drawn_shares * _means(times, drawn)).sum(axis=1)),
        p50_ms=float(weighted_quantile(times, once, 0.5)[0]),
        p95_ms=_figure(float(weighted_quantile(times, once, 0.95)[0]), weighted_quantile(times, weights, 0.95)),
        worst_ms=float(np.quantile(times[last_step], SLOW, method="higher")),
        leaves=tuple(shares.tolist()),
    )


def drawn_rounds(random: np.random.Generator, rounds: int, draws: int) -> NDArray[np.float64]:
    """[draws, rounds]: how much each round counts when as many are drawn anew; a row adds up to 1."""
    rows = random.integers(0, rounds, (draws, rounds)) + rounds * np.arange(draws)[:, None]
    return np.bincount(rows.ravel(), minlength=draws * rounds).reshape(draws, rounds) / rounds


def difference(one: NDArray[Any], other: NDArray[Any]) -> Figure:
    """Mean of ``one`` [N] less that of ``other`` [N] on the same images, with the normal interval."""
    each = one.astype(np.float64) - other
    value, error = float(each.mean()), float(NORMAL * each.std() / np.sqrt(len(each)))
    return Figure(value, value - error, value + error)


def step_times(latency: StepLatency) -> tuple[float, ...]:
    """[T]: milliseconds of each step alone that it hardly ever exceeds."""
    return tuple(float(np.quantile(samples, SLOW, method="higher")) for samples in latency.own_ms)


def _share(right: NDArray[np.bool_]) -> Figure:
    count, share, square = len(right), float(right.mean()), NORMAL**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = NORMAL / (1 + square / count) * float(np.sqrt(share * (1 - share) / count + square / (4 * count**2)))
    return Figure(share, middle - half, middle + half)


def _figure(value: float, drawn: NDArray[np.float64]) -> Figure:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Figure(value, float(low), float(high))


def drawn_medians(times: NDArray[np.float64], rounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """[draws, T]: the medians of ``times`` [T, rounds], where ``rounds`` [draws, rounds] count so much."""
    return np.stack([weighted_quantile(one, rounds, 0.5) for one in times], axis=1)


def _means(times: NDArray[np.float64], rounds: NDArray[np.float64]) -> NDArray[np.float64]:
    """[draws, T]: `StepLatency.means_ms` of ``times`` [T, rounds], where ``rounds`` [draws, rounds] count so much."""
    medians = drawn_medians(times, rounds)
    return medians * ((rounds @ times.T).mean(axis=1) / medians.mean(axis=1))[:, None]
