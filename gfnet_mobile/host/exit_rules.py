"""When a step's answer is sure enough to stop (manifest: ``rules``).

Logits are float32. A confidence is computed from them in float64 and rounded to float32 once, at the end: so every
language of this project gets the same number, whatever its exponential and its order of adding. Then thresholds,
rounded to float32, are compared with it. p = softmax(logits / temperature of the step):

- ``max_softmax``: the largest p;
- ``margin``: the largest p minus the second largest;
- ``entropy``: 1 - H(p) / log K, so that here too larger means surer.

Step t stops when its confidence >= ``thresholds[t]``; null never stops there; the last step always does.
"""

from collections.abc import Sequence
from math import exp, isfinite, log

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import ExitRule, Measure
from gfnet_mobile.errors import UserError

Floats = NDArray[np.float32]


FEW = 64
"""classes; up to here Python's own arithmetic takes less than numpy's calls do"""


def check_finite(logits: Floats) -> None:
    """A NaN is the largest of all to ``argmax``, so that the two extremes tell."""
    if not (isfinite(logits.item(logits.argmax())) and isfinite(logits.item(logits.argmin()))):
        raise UserError("the logits are not finite; the graphs or the image are broken")


def softmax(logits: Floats) -> Floats:
    """Probabilities along the last axis, float32 [..., K]."""
    exact = logits.astype(np.float64)
    weights = np.exp(exact - exact.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


def confidence(measure: Measure, temperature: float | NDArray[np.float64], logits: Floats) -> Floats:
    """How sure logits float32 [..., K] are, float32 [...]; ``temperature`` broadcasts against [..., 1]."""
    check_finite(logits)
    return _confidence(measure, temperature, logits)


def _confidence(measure: Measure, temperature: float | NDArray[np.float64], logits: Floats) -> Floats:
    exact = logits.astype(np.float64)
    # below -200 the exponential adds nothing; the bound keeps the products of `entropy` finite
    scaled = np.maximum((exact - exact.max(axis=-1, keepdims=True)) / temperature, -200.0)
    weights = np.exp(scaled)
    total = weights.sum(axis=-1)
    if measure == "max_softmax" or logits.shape[-1] == 1:
        sure = 1 / total  # the largest weight is exp(0)
    elif measure == "margin":
        top = np.partition(weights, -2, axis=-1)
        sure = (top[..., -1] - top[..., -2]) / total
    else:
        entropy = np.log(total) - (weights * scaled).sum(axis=-1) / total
        sure = 1 - entropy / np.log(logits.shape[-1])
    return sure.astype(np.float32)


def should_stop(rule: ExitRule, step: int, logits: Floats) -> bool:
    """Does the sequence end with step ``step`` (0 is the glance), whose logits are float32 [K] and finite?"""
    if step == len(rule.thresholds):
        return True
    threshold = rule.thresholds[step]
    if threshold is None:
        return False
    of_one = _of_few if len(logits) <= FEW else _confidence
    return bool(of_one(rule.measure, rule.temperature[step], logits) >= np.float32(threshold))


def _of_few(measure: Measure, temperature: float, logits: Floats) -> np.float32:
    """`confidence` for one image of few classes, [K]: between two steps, with cold caches, each call of numpy that can
    be spared counts."""
    numbers = logits.tolist()
    largest = max(numbers)
    scaled = [max((number - largest) / temperature, -200.0) for number in numbers]
    weights = [exp(one) for one in scaled]
    total = sum(weights)
    if measure == "max_softmax" or len(numbers) == 1:
        return np.float32(1 / total)
    if measure == "margin":
        second, first = sorted(weights)[-2:]
        return np.float32((first - second) / total)
    entropy = log(total) - sum([weight * one for weight, one in zip(weights, scaled, strict=True)]) / total
    return np.float32(1 - entropy / log(len(numbers)))


def exit_steps(rule: ExitRule, logits: Floats) -> NDArray[np.int64]:
    """The step at which each of N sequences ends, [N], from logits float32 [N, T, K]: `should_stop` for many."""
    temperature = np.array(rule.temperature)[:, None]
    sure = confidence(rule.measure, temperature, np.ascontiguousarray(logits, np.float32))
    return first_reaching(sure, [np.inf if t is None else t for t in rule.thresholds])


def first_reaching(sure: Floats, thresholds: Sequence[float | np.float32] | Floats) -> NDArray[np.int64]:
    """The first step at which confidences [N, T] reach ``thresholds`` [T - 1]; the last where none does."""
    ends: NDArray[np.int64] = (sure >= np.array([*thresholds, -np.inf], np.float32)).argmax(axis=1)
    return ends


def uniform_rule(threshold: float, steps: int) -> ExitRule:
    """One max-softmax threshold for all of ``steps`` steps."""
    if not 0 <= threshold <= 1:
        raise UserError(f"threshold {threshold}: must lie between 0 and 1")
    return ExitRule(measure="max_softmax", temperature=(1.0,) * steps, thresholds=(threshold,) * (steps - 1))
