"""Temperatures are those under which the labels are likeliest."""

import numpy as np
import pytest
from calibration_data import network

from gfnet_mobile.calibrate.temperature import HIGHEST, LOWEST, temperatures


def unlikelihood(logits, labels, temperature):
    scaled = logits.astype(np.float64) / temperature
    total = np.log(np.exp(scaled - scaled.max(axis=1, keepdims=True)).sum(axis=1)) + scaled.max(axis=1)
    return (total - scaled[np.arange(len(labels)), labels]).mean()


def test_no_other_temperature_is_likelier():
    cached = network(0, 2000)
    for step, found in enumerate(temperatures(cached.logits, cached.labels)):
        own = cached.logits[:, step]
        best = unlikelihood(own, cached.labels, found)
        assert all(unlikelihood(own, cached.labels, found * factor) >= best - 1e-9 for factor in (0.5, 0.98, 1.02, 2))


def test_logits_that_are_too_large_by_a_factor_get_it_as_their_temperature():
    cached = network(0, 5000)
    before = np.array(temperatures(cached.logits, cached.labels))
    factors = np.array([2, 0.5, 3], np.float32)
    after = temperatures(cached.logits * factors[:, None], cached.labels)
    assert after == pytest.approx(before * factors, rel=1e-2)


def test_labels_that_are_certain_or_say_nothing_end_at_the_limits():
    logits = 5 * np.eye(4, dtype=np.float32)[np.arange(40) % 4][:, None]
    assert temperatures(logits, np.arange(40) % 4) == (pytest.approx(LOWEST, rel=1e-3),)
    assert temperatures(logits, (np.arange(40) + 1) % 4) == (pytest.approx(HIGHEST, rel=1e-3),)
