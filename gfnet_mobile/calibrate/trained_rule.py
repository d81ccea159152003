"""The exit rule that a training leaves in its checkpoint, before anything is known of a device."""

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.calibrate.recalibrate import calibrated
from gfnet_mobile.calibrate.rule_choice import plain_form, settled
from gfnet_mobile.calibrate.threshold_search import Goals, images_of, search
from gfnet_mobile.host.exit_rules import Floats


def trained_rule(logits: Floats, labels: NDArray[np.int64], max_loss: float = 0.005) -> ExitRule:
    """The max-softmax thresholds with the fewest mean steps that were found whose accuracy is at most ``max_loss``
    below the last step's, for validation images with ``logits`` [N, T, K] and ``labels`` [N]."""
    steps = logits.shape[1]
    plain, right = plain_form(logits), logits.argmax(axis=2) == labels[:, None]
    images = images_of(plain.sure, right, np.arange(1.0, steps + 1))
    found = search(images, Goals("accuracy", np.array([right[:, -1].mean() - max_loss])))
    thresholds = settled(found.thresholds[0], plain.sure)
    rule = ExitRule(measure=plain.measure, temperature=plain.temperature, thresholds=thresholds)
    return calibrated(rule, logits, labels, "validation")
