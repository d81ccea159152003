"""Exit rules: one decision, whether taken step by step or for many at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import FEW, confidence, exit_steps, should_stop, softmax, uniform_rule

FINITE = st.floats(-(2.0**127), 2.0**127, width=32)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 40))


@st.composite
def rules_and_logits(draw):
    values = draw(
        arrays(np.float32, draw(SHAPES), elements=draw(st.sampled_from([FINITE, st.floats(-9, 9, width=32)])))
    )
    steps = values.shape[1]
    rule = ExitRule(
        measure=draw(st.sampled_from(["max_softmax", "margin", "entropy"])),
        temperature=draw(st.tuples(*[st.floats(1e-3, 1e3)] * steps)),
        thresholds=draw(st.tuples(*[st.none() | st.floats(0, 1)] * (steps - 1))),
        calibration=None,
    )
    return rule, values


@given(rules_and_logits())
def test_many_at_once_decide_as_step_by_step(case):
    rule, logits = case
    one_by_one = [next(t for t in range(len(each)) if should_stop(rule, t, each[t])) for each in logits]
    assert exit_steps(rule, logits).tolist() == one_by_one


@given(rules_and_logits())
def test_confidence_is_a_float32_between_0_and_1(case):
    rule, logits = case
    sure = confidence(rule.measure, 1.0, logits)
    assert sure.dtype == np.float32 and (sure >= -1e-5).all() and (sure <= 1 + 1e-5).all()


def test_measures_on_a_known_distribution():
    logits = np.log(np.array([0.5, 0.25, 0.125, 0.125], np.float32))
    one = 1.0
    assert confidence("max_softmax", one, logits) == pytest.approx(0.5)
    assert confidence("margin", one, logits) == pytest.approx(0.25)
    assert confidence("entropy", one, logits) == pytest.approx(1 - 1.75 / 2)
    assert confidence("max_softmax", 0.5, logits) == pytest.approx(0.25 / (0.25 + 0.0625 + 2 / 64))


def test_confidence_is_the_largest_of_softmax():
    logits = np.random.default_rng(0).normal(0, 3, (100, 7)).astype(np.float32)
    np.testing.assert_array_equal(confidence("max_softmax", 1.0, logits), softmax(logits).max(axis=1))


@pytest.mark.parametrize("classes", [1, 2, FEW, FEW + 1, 1000])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("measure", ["max_softmax", "margin", "entropy"])
def test_one_image_s_confidence_is_that_of_many(measure, classes, temperature):
    logits = np.random.default_rng(0).normal(0, 5, (1000, classes)).astype(np.float32)
    for each, sure in zip(logits, confidence(measure, temperature, logits), strict=True):
        rule = ExitRule(measure=measure, temperature=(temperature, 1), thresholds=(float(sure),))
        assert should_stop(rule, 0, each)
        above = float(np.nextafter(sure, np.float32(2)))
        assert above > 1 or not should_stop(rule.model_copy(update={"thresholds": (above,)}), 0, each)


def test_a_confidence_equal_to_the_threshold_stops():
    logits = np.zeros(4, np.float32)
    assert should_stop(uniform_rule(0.25, 2), 0, logits)
    assert not should_stop(uniform_rule(0.2500001, 2), 0, logits)


def test_null_never_stops_and_the_last_step_always_does():
    rule = ExitRule(measure="max_softmax", temperature=(1, 1), thresholds=(None,), calibration=None)
    sure = np.array([99, 0, 0], np.float32)
    assert not should_stop(rule, 0, sure)
    assert should_stop(rule, 1, np.zeros(3, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_refused(value):
    with pytest.raises(UserError, match="not finite"):
        exit_steps(uniform_rule(0.5, 2), np.array([[[0, value], [0, 1]]], np.float32))
