"""Samples of interleaved rounds: one of them, and what they come to."""

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1e3


def interval(samples: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    random = np.random.default_rng(0)
    medians = np.median(random.choice(samples, (1000, len(samples))), 1)
    return float(np.quantile(medians, 0.025)), float(np.quantile(medians, 0.975))


def spread(values: Sequence[float]) -> str:
    """The median, and the 95 % interval of it."""
    low, high = interval(np.array(values))
    return f"{np.median(values):.3f} ({low:.3f} to {high:.3f})"
