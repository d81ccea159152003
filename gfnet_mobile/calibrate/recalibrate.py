"""Exit rules for a compressed target: compression moves confidences, so old thresholds let other images go.

New thresholds let the same share of the images leave at each step as the original rule does on the eager network's
logits. The measure and the temperatures stay.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import Calibration, ExitRule
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.host.exit_rules import Floats, confidence, exit_steps
from gfnet_mobile.measure.evaluate import AtRule, at_rule, top


@dataclass(frozen=True)
class Recalibrated:
    """What compression did to a target on the calibration images, and its new rules. Shares between 0 and 1."""

    target: str
    count: int
    """images"""
    eager: tuple[float, ...]
    """accuracy of each step before compression"""
    compressed: tuple[float, ...]
    """and after"""
    rule: str
    """the default one, which the following are of"""
    before: AtRule
    """the eager network"""
    old: AtRule
    """the compressed target under the thresholds of the eager network"""
    new: AtRule
    """under its own"""
    rules: dict[str, ExitRule]


def recalibrate(
    bundle: Bundle, target: str, eager: Floats, compressed: Floats, labels: NDArray[np.int64], data: str
) -> Recalibrated:
    """From logits [N, T, K] of the eager network and of ``target`` on the same images; ``data`` names these."""
    manifest = bundle.manifest
    name, rule = manifest.default_rule, manifest.rules[manifest.default_rule]
    rules = {
        other: calibrated(same_shares(old, eager, compressed), compressed, labels, data)
        for other, old in manifest.rules.items()
    }
    return Recalibrated(
        target=target,
        count=len(labels),
        eager=top(eager, labels, 1),
        compressed=top(compressed, labels, 1),
        rule=name,
        before=at_rule(eager, labels, rule),
        old=at_rule(compressed, labels, rule),
        new=at_rule(compressed, labels, rules[name]),
        rules=rules,
    )


def same_shares(rule: ExitRule, original: Floats, other: Floats) -> ExitRule:
    """``rule`` with thresholds that let as many of the N images leave at each step, seen by their logits ``other``
    [N, T, K], as it lets leave by ``original``.

    A threshold that does so already stays. Where ties allow only fewer or more, the nearest number is taken and the
    next step makes up for it. Null stays: nobody leaves there.
    """
    ends = exit_steps(rule, original)
    sure = confidence(rule.measure, np.array(rule.temperature)[:, None], np.ascontiguousarray(other))
    staying = np.ones(len(sure), bool)
    thresholds: list[float | None] = []
    for step, old in enumerate(rule.thresholds):
        wanted = int((ends <= step).sum()) - int((~staying).sum())
        new = None if old is None else _threshold(sure[staying, step], wanted, old)
        thresholds.append(new)
        if new is not None:
            staying &= ~(sure[:, step] >= np.float32(new))
    return rule.model_copy(update={"thresholds": tuple(thresholds)})


def _threshold(sure: Floats, wanted: int, old: float) -> float | None:
    """The one that ``wanted`` of the confidences ``sure`` reach, or nearly so many where there are ties."""
    if (sure >= np.float32(old)).sum() == max(wanted, 0):
        return old
    descending = -np.sort(-sure)
    leaving = _nearest(descending, wanted, len(sure))
    if leaving:
        return float(descending[leaving - 1])
    above = float(np.nextafter(descending[0], np.float32(2)))
    return above if above <= 1 else None


def _nearest(sure: Floats, wanted: int, most: int) -> int:
    """How many of the confidences ``sure`` [N] (descending) one threshold can let go: the nearest possible number to
    ``wanted``, at most ``most``. Ties leave together."""
    wanted = min(wanted, most, len(sure))
    if wanted <= 0:
        return 0
    last = sure[wanted - 1]
    fewer = int(np.searchsorted(-sure, -last, side="left"))
    more = int(np.searchsorted(-sure, -last, side="right"))
    return more if more <= most and more - wanted <= wanted - fewer else fewer


def calibrated(rule: ExitRule, logits: Floats, labels: NDArray[np.int64], data: str) -> ExitRule:
    """``rule`` with what it comes to on images with ``logits`` [N, T, K] and ``labels`` [N]; ``data`` names them."""
    found = at_rule(logits, labels, rule)
    calibration = Calibration(data=data, accuracy=found.accuracy, mean_steps=found.mean_steps, leaves=found.share)
    return rule.model_copy(update={"calibration": calibration})
