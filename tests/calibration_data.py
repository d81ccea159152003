"""Networks and devices that are made up, for tests of calibration."""

import numpy as np

from gfnet_mobile.measure.logits import Logits
from gfnet_mobile.measure.results import Device
from gfnet_mobile.measure.step_latency import Context, StepLatency

CONTEXT = Context(Device(model="a phone", os="b", cores=1), "onnx", "r", "1", "none", 1, "cpu")


def network(seed, count=400, steps=3, classes=5, leap=1.0):
    """Logits of a network that grows surer by ``leap`` a step; images differ in how hard they are."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    ease = random.gamma(2, 0.5, count)[:, None]
    logits = random.normal(size=(count, steps, classes))
    logits[np.arange(count), :, labels] += (0.5 + leap * np.arange(steps)) * (1 + ease)
    return Logits(logits.astype(np.float32), labels, {"model": "c" * 64, "target": "eager", "data": "d" * 64})


def latency(seed=0, steps=3, rounds=60):
    """About 1 ms a step; one round in ten is slower."""
    random = np.random.default_rng(seed)
    slow = 1 + (random.random(rounds) < 0.1) * random.uniform(0, 1, rounds)
    return StepLatency(CONTEXT, tuple((random.uniform(0.9, 1.1, (steps, rounds)) * slow).cumsum(axis=0)))
