"""The published search of thresholds, to the last bit."""

import numpy as np
import published_files
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gfnet_mobile.calibrate.budgets import exit_shares, outcome, published_thresholds

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


@given(confidences)
def test_outcomes_are_those_of_a_plain_loop(sure):
    thresholds = published_thresholds(sure, budgets=5)[:, :-1]
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
