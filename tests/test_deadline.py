"""A rule that knows how long each step takes keeps a deadline, whatever the device does in between.

Time is made up: a clock that only the graphs' calls move, each by a time of its own and now and then by far more.
"""

import numpy as np
import programs
import pytest
from calibration_data import CONTEXT

from gfnet_mobile.calibrate.expectation import step_times
from gfnet_mobile.host import session as session_module
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.step_latency import StepLatency
from gfnet_mobile.runtimes import open_runtime
from gfnet_mobile.runtimes.protocol import in_turn

ROUNDS, RUNS = 200, 2000


class Clock:
    """Nanoseconds; every call of a graph takes 1 ms, some more, and three in a hundred two to five times as long."""

    def __init__(self):
        self.now, self._random = 0, np.random.default_rng(0)

    def __call__(self):
        return self.now

    def call(self):
        slow = self._random.uniform(2, 5) if self._random.random() < 0.03 else 1
        self.now += int(1e6 * slow * (1 + self._random.exponential(0.1)))


@pytest.fixture
def session(recurrent_bundle, monkeypatch):
    """On a runtime whose calls move the clock."""
    clock = Clock()
    runtime = open_runtime(recurrent_bundle, "onnx")
    bind = runtime.bind
    runtime.bind = lambda *arguments: in_turn(bind(*arguments), [clock.call])
    monkeypatch.setattr(session_module, "perf_counter_ns", clock)
    with Session(recurrent_bundle, runtime=runtime) as opened:
        yield opened


@pytest.fixture
def image():
    return from_pixels(programs.golden_images()[0])


def measured(session, image):
    """As `bench` measures a session: a walk to each step, in rounds."""
    steps = range(len(session.bundle.manifest.steps))
    rounds = [
        [list(session.walk(image, lambda step, last=last: step.index == last))[-1].elapsed_ms for last in steps]
        for _ in range(ROUNDS)
    ]
    return StepLatency(CONTEXT, tuple(np.array(rounds).T))


def missed(session, image, deadline, times):
    """Share of answers that come after the deadline, and the mean step of an answer."""
    answers = [session.classify(image, threshold=1, deadline_ms=deadline, expected_ms=times) for _ in range(RUNS)]
    return np.mean([answer.elapsed_ms > deadline for answer in answers]), np.mean([one.index for one in answers])


def test_a_feasible_deadline_is_hardly_ever_missed(session, image):
    latency = measured(session, image)
    times = step_times(latency)
    whole = latency.cumulative_ms[-1]
    glance = latency.cumulative_ms[0]
    last_steps = []
    for deadline in np.linspace(glance.max(), whole.max() * 1.5, 6):
        misses, last_step = missed(session, image, deadline, times)
        assert misses <= 0.01
        last_steps.append(last_step)
    assert last_steps == sorted(last_steps) and last_steps[-1] > 1.9  # and no step is left out without need


@pytest.mark.parametrize("times", ["none", "means"])
def test_means_or_no_times_at_all_would_miss_it(session, image, times):
    latency = measured(session, image)
    expected = () if times == "none" else tuple(own.mean() for own in latency.own_ms)
    deadline = float(np.median(latency.cumulative_ms[1])) + 0.1
    assert missed(session, image, deadline, expected)[0] > 0.05
