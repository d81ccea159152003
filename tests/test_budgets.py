"""Thresholds for budgets: the published search to the last bit, and the mended one's promises."""

import numpy as np
import published_files
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gfnet_mobile.measure.budgets import exit_shares, find_thresholds, outcome, published_thresholds

GOLDEN = np.load(published_files.REFERENCE / "thresholds.npz")
mk = published_files.make_checkpoint
COSTS = np.array(mk.THRESHOLD_FLOPS)

confidences = npst.arrays(
    np.float32,
    st.tuples(st.integers(2, 5), st.integers(1, 60)),
    elements=st.floats(0, 1, width=32).map(lambda value: np.float32(round(value * 8) / 8)),
)
"""[T, N] with many ties"""


def inputs(split, tied):
    """Confidences [T, N] and which answers are right [T, N]."""
    softmax, targets = mk.threshold_inputs(split, tied)
    return softmax.max(2), softmax.argmax(2) == targets


def gone_by(found):
    return found.leaving.cumsum(axis=1)


def test_shares_and_quotas_are_the_published_ones():
    assert np.abs(exit_shares(5) - GOLDEN["exit_share"]).max() < 1e-7
    assert np.array_equal(np.floor(np.float32(2000) * exit_shares(5)[:, :4]), GOLDEN["quota"])


@pytest.mark.parametrize("tied", [False, True])
def test_the_published_search_is_reproduced(tied):
    name = "tied" if tied else "plain"
    sure, right = inputs("find", tied)
    thresholds = published_thresholds(sure)
    assert np.array_equal(thresholds, GOLDEN[f"{name}_threshold"])
    for split in ("find", "eval"):
        sure, right = inputs(split, tied)
        found = outcome(sure, right, thresholds, COSTS)
        assert np.allclose(100 * found.accuracy, GOLDEN[f"{name}_{split}_acc"], rtol=0, atol=1e-12)
        assert np.allclose(found.cost, GOLDEN[f"{name}_{split}_flops"], rtol=1e-6)
    assert np.array_equal(found.leaving, GOLDEN[f"{name}_eval_exit"])


def test_without_ties_every_quota_is_met_exactly():
    sure, right = inputs("find", tied=False)
    found = outcome(sure, right, find_thresholds(sure), COSTS)
    wanted = np.rint(sure.shape[1] * exit_shares(5).astype(np.float64).cumsum(axis=1))
    assert np.array_equal(gone_by(found), wanted)


def test_ties_disable_no_exit_that_has_someone_to_let_go():
    sure, _ = inputs("find", tied=True)
    assert (published_thresholds(sure)[:, :4] > 1).sum() == 10
    assert np.argwhere(np.isinf(find_thresholds(sure))).tolist() == [[0, 3]]  # 0 of 2000 are to leave there


@given(confidences)
def test_costs_rise_with_the_budget_whatever_ties_there_are(sure):
    found = outcome(sure, sure > 0.5, find_thresholds(sure), np.arange(1.0, len(sure) + 1))
    assert (np.diff(gone_by(found), axis=0) <= 0).all()
    assert (np.diff(found.cost) >= -1e-12).all()


@given(confidences)
def test_no_threshold_comes_nearer_to_the_quota(sure):
    """At the first step, where no earlier one has a say, and for the tightest budget, which no other limits."""
    wanted = np.rint(sure.shape[1] * float(exit_shares(len(sure))[0, 0]))
    possible = [0, *((sure[0] >= value).sum() for value in np.unique(sure[0]))]
    threshold = find_thresholds(sure)[0, 0]
    assert abs((sure[0] >= threshold).sum() - wanted) == min(abs(count - wanted) for count in possible)


@given(confidences)
def test_outcomes_are_those_of_a_plain_loop(sure):
    thresholds = find_thresholds(sure, budgets=5)
    right, costs = sure > 0.5, np.arange(1.0, len(sure) + 1)
    found = outcome(sure, right, thresholds, costs)
    for budget, row in enumerate(thresholds):
        ends = [
            next((step for step in range(len(row)) if sure[step, image] >= row[step]), len(row))
            for image in range(sure.shape[1])
        ]
        assert found.leaving[budget].tolist() == [ends.count(step) for step in range(len(sure))]
        assert found.accuracy[budget] == pytest.approx(np.mean([right[end, image] for image, end in enumerate(ends)]))
        assert found.cost[budget] == pytest.approx(np.mean([costs[end] for end in ends]))
