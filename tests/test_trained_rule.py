"""The rule that a training leaves behind keeps the accuracy and saves steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfnet_mobile.calibrate.trained_rule import trained_rule
from gfnet_mobile.host.exit_rules import exit_steps


def accuracy_and_steps(rule, logits, labels):
    ends = exit_steps(rule, logits)
    answers = logits.argmax(axis=2)[np.arange(len(labels)), ends]
    return (answers == labels).mean(), ends.mean() + 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 5), st.integers(1, 4), st.sampled_from([0.0, 0.005, 0.05]))
def test_chosen_thresholds_keep_the_accuracy_and_save_steps(seed, steps, loss):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 5, 200)
    skill = np.linspace(0.5, 4, steps)[:, None] * np.eye(5)[labels][:, None, :]
    logits = (skill + random.normal(0, 1, (200, steps, 5))).astype(np.float32)
    rule = trained_rule(logits, labels, loss)
    accuracy, mean_steps = accuracy_and_steps(rule, logits, labels)
    assert accuracy >= (logits[:, -1].argmax(axis=1) == labels).mean() - loss - 1e-9
    assert mean_steps <= steps
    assert rule.calibration is not None
    assert (rule.calibration.accuracy, rule.calibration.mean_steps) == pytest.approx((accuracy, mean_steps))
    leaves = rule.calibration.leaves
    assert sum(leaves) == pytest.approx(1) and np.dot(leaves, np.arange(1, len(leaves) + 1)) == pytest.approx(
        mean_steps
    )
    assert rule == trained_rule(logits, labels, loss)


def test_an_easy_glance_lets_all_leave_at_once():
    labels = np.arange(50) % 5
    logits = np.repeat(9 * np.eye(5, dtype=np.float32)[labels][:, None], 3, axis=1)
    assert accuracy_and_steps(trained_rule(logits, labels), logits, labels) == (1, 1)
