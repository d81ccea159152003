"""Temperatures that make a network's probabilities as likely as they can be, one for each step."""

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.host.exit_rules import Floats

LOWEST, HIGHEST = 0.05, 20.0
HALVINGS = 20
ENOUGH = 2_000_000
"""logits of a step; of more, only the first images count"""


def temperatures(logits: Floats, labels: NDArray[np.int64]) -> tuple[float, ...]:
    """[T]: the temperature of each step that makes ``labels`` [N] likeliest under softmax(logits / temperature), with
    logits float32 [N, T, K]. Rounded to four digits, between `LOWEST` and `HIGHEST`."""
    most = max(1, ENOUGH // logits.shape[2])
    return tuple(_temperature(logits[:most, step], labels[:most]) for step in range(logits.shape[1]))


def _temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The likelihood is concave in 1 / temperature, so that its slope says on which side of the best one is."""
    scores = logits - logits.max(axis=1, keepdims=True)
    own = np.take_along_axis(scores, labels[:, None], axis=1).mean(dtype=np.float64)
    low, high = np.log(1 / HIGHEST), np.log(1 / LOWEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        weights = np.exp(scores * np.float32(np.exp(middle)))
        expected = ((weights * scores).sum(axis=1) / weights.sum(axis=1)).mean(dtype=np.float64)
        low, high = (middle, high) if own > expected else (low, middle)
    return float(f"{np.exp(-(low + high) / 2):.4g}")
