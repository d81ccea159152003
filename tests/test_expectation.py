"""What is expected of a rule is what a plain simulation finds, and intervals hold what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfnet_mobile.calibrate.expectation import difference, expectation, step_times
from gfnet_mobile.measure.results import Device
from gfnet_mobile.measure.step_latency import Context, StepLatency

CONTEXT = Context(Device(model="a", os="b", cores=1), "onnx", "r", "1", "none", 1, "cpu")


def latency(seed, steps=4, rounds=50):
    """Each step takes about 1 ms, some rounds much more."""
    random = np.random.default_rng(seed)
    slow = 1 + (random.random(rounds) < 0.1) * random.uniform(0, 2, rounds)
    own = random.uniform(0.9, 1.1, (steps, rounds)) * slow
    return StepLatency(CONTEXT, tuple(own.cumsum(axis=0)))


@given(st.integers(0, 1000), st.integers(1, 300))
def test_times_are_those_of_walks_drawn_at_random(seed, count):
    """Of every image in every round, counted one by one."""
    times, random = latency(seed), np.random.default_rng(seed)
    ends, right = random.integers(0, 4, count), random.random(count) < 0.7
    found = expectation(ends, right, times, 3)
    walks = np.sort(np.concatenate([times.cumulative_ms[end] for end in ends]))
    assert found.p50_ms == walks[int(np.ceil(0.5 * len(walks))) - 1]
    assert found.p95_ms.value == walks[int(np.ceil(0.95 * len(walks) - 1e-6)) - 1]
    assert found.mean_ms.value == pytest.approx(np.mean([times.means_ms[end] for end in ends]))
    assert found.accuracy.value == pytest.approx(right.mean())
    assert found.mean_steps == pytest.approx(ends.mean() + 1)
    assert found.leaves == pytest.approx([np.mean(ends == step) for step in range(4)])
    assert found.worst_ms == times.cumulative_ms[3].max()  # of 50 rounds


@given(st.integers(0, 1000))
def test_a_figure_lies_in_its_interval(seed):
    random = np.random.default_rng(seed)
    found = expectation(random.integers(0, 4, 200), random.random(200) < 0.7, latency(seed), 3)
    for figure in (found.accuracy, found.mean_ms, found.p95_ms):
        assert figure.low <= figure.value <= figure.high


def test_intervals_hold_nineteen_times_in_twenty():
    """2,000 samples of 100 images of a network that is right in 70 %."""
    random = np.random.default_rng(0)
    holds = 0
    for _ in range(2000):
        figure = expectation(np.zeros(100, int), random.random(100) < 0.7, latency(0, 2, 2), 1).accuracy
        holds += figure.low <= 0.7 <= figure.high
    assert 0.93 < holds / 2000 < 0.97


def test_all_right_leaves_room_for_doubt():
    figure = expectation(np.zeros(50, int), np.ones(50, bool), latency(0), 3).accuracy
    assert figure.value == 1 and 0.9 < figure.low < 0.95


def test_a_difference_is_paired():
    random = np.random.default_rng(0)
    one = random.random(1000) < 0.7
    other = one ^ (np.arange(1000) < 3)
    figure = difference(one, other)
    assert figure.value == pytest.approx(one.mean() - other.mean())
    assert figure.high - figure.low < 0.01


def test_a_steps_time_is_one_that_it_hardly_exceeds():
    times = latency(3, rounds=200)
    for limit, own in zip(step_times(times), times.own_ms, strict=True):
        assert np.count_nonzero(own > limit) <= 2


def test_means_are_the_medians_as_much_longer_as_all_steps_are_together():
    slow = StepLatency(CONTEXT, (np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 5.0])))
    assert slow.means_ms.tolist() == pytest.approx([4 / 3, 8 / 3])
