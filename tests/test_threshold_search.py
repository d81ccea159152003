"""Thresholds that are searched: what they promise, by plain loops; and against trying all there are."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfnet_mobile.calibrate import threshold_search
from gfnet_mobile.calibrate.threshold_search import Goals, images_of, search


def case(seed, count, steps, coarse):
    """Confidences [N, T], right answers [N, T] and costs [T]: later steps are righter; ``coarse`` ones tie often."""
    random = np.random.default_rng(seed)
    skill = np.linspace(0.5, 4, steps)
    sure = random.random((count, steps)).astype(np.float32) ** (1 / skill).astype(np.float32)
    right = random.random((count, steps)) < (0.2 + 0.8 * sure)
    return (sure.round(1) if coarse else sure), right, np.cumsum(random.uniform(0.2, 1, steps))


def plain(thresholds, sure, right, costs):
    """Mean cost and accuracy, image by image."""
    ends = [next((t for t, least in enumerate(thresholds) if own[t] >= least), len(thresholds)) for own in sure]
    return np.mean([costs[end] for end in ends]), np.mean([right[n, end] for n, end in enumerate(ends)])


def all_outcomes(sure, right, costs):
    """Mean cost and accuracy [R, 2] of every rule that there is."""
    values = [[*np.unique(sure[:, step]), np.inf] for step in range(len(costs) - 1)]
    return np.array([plain(row, sure, right, costs) for row in product(*values)])


cases = st.builds(case, st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 5), st.booleans())


@settings(deadline=None)
@given(cases, st.floats(0, 1))
def test_a_mean_cost_is_not_passed(drawn, place):
    sure, right, costs = drawn
    limit = costs[0] + place * (costs[-1] - costs[0])
    found = search(images_of(sure, right, costs), Goals("cost", np.array([limit])))
    assert found.reached.all()
    assert plain(found.thresholds[0], sure, right, costs)[0] <= limit * (1 + 1e-9)


@settings(deadline=None)
@given(cases, st.floats(0, 1.2))
def test_an_accuracy_is_kept_or_is_said_not_to_be(drawn, wanted):
    sure, right, costs = drawn
    found = search(images_of(sure, right, costs), Goals("accuracy", np.array([wanted])))
    if found.reached[0]:
        assert plain(found.thresholds[0], sure, right, costs)[1] >= wanted - 1e-8
        assert found.highest >= wanted - 1e-8
    else:
        assert found.highest < wanted


def test_small_cases_are_hardly_ever_worse_than_trying_everything():
    """Of 480 goals, with ties and without."""
    short = []
    for seed in range(80):
        sure, right, costs = case(seed, 10, 2 + seed % 3, bool(seed // 3 % 2))
        every = all_outcomes(sure, right, costs)
        means = np.linspace(costs[0], costs[-1], 6)
        found = search(images_of(sure, right, costs), Goals("cost", means))
        best = [every[every[:, 0] <= mean * (1 + 1e-9), 1].max() for mean in means]
        ours = [plain(row, sure, right, costs)[1] for row in found.thresholds]
        short += (10 * np.subtract(best, ours)).round().tolist()
    assert np.count_nonzero(short) <= 3 and max(short) <= 1  # image of 10


@settings(deadline=None)
@given(cases)
def test_no_start_is_better(drawn):
    sure, right, costs = drawn
    random = np.random.default_rng(0)
    starts = random.choice(np.append(sure.ravel(), np.float32(np.inf)), (5, len(costs) - 1))
    outcomes = [plain(row, sure, right, costs) for row in starts]
    limits = np.array([cost for cost, _ in outcomes])
    found = search(images_of(sure, right, costs, starts), Goals("cost", limits), starts)
    for row, (_, accuracy) in zip(found.thresholds, outcomes, strict=True):
        assert plain(row, sure, right, costs)[1] >= accuracy - 1e-12


@settings(deadline=None)
@given(cases)
def test_thresholds_are_those_of_a_rule(drawn):
    sure, right, costs = drawn
    odd = (sure * np.float32(1.5)) - np.float32(0.2)  # an entropy's may lie a little outside
    found = search(images_of(odd, right, costs), Goals("cost", np.array([costs.mean()])))
    inside = found.thresholds[np.isfinite(found.thresholds)]
    assert found.thresholds.dtype == np.float32 and ((inside >= 0) & (inside <= 1)).all()


def test_many_images_are_tried_at_some_thresholds_only_and_lose_next_to_nothing(monkeypatch):
    sure, right, costs = case(0, 6000, 4, coarse=False)
    means = Goals("cost", np.linspace(costs[0], costs[-1], 10)[1:])

    def accuracies():
        found = search(images_of(sure, right, costs), means)
        return np.array([plain(row, sure, right, costs)[1] for row in found.thresholds])

    some = accuracies()
    monkeypatch.setattr(threshold_search, "CANDIDATES", 6000)
    assert some == pytest.approx(accuracies(), abs=0.003)


def test_more_may_be_spent_than_helps():
    sure, right, costs = case(1, 200, 3, coarse=False)
    right[:, 2] = right[:, 1] = right[:, 0]
    found = search(images_of(sure, right, costs), Goals("cost", np.array([costs[-1]])))
    assert plain(found.thresholds[0], sure, right, costs)[0] == pytest.approx(costs[0])
