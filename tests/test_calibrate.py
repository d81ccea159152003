"""A calibrated rule meets its goal, is no worse than the published search's, and its claims are true."""

import numpy as np
import pytest
from calibration_data import latency, network
from hypothesis import given, settings
from hypothesis import strategies as st

from gfnet_mobile.calibrate.budgets import published_thresholds
from gfnet_mobile.calibrate.calibrate import calibrate
from gfnet_mobile.calibrate.goal import Goal
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import exit_steps, should_stop
from gfnet_mobile.measure.logits import Logits

GOALS = st.one_of(
    st.builds(Goal, st.just("mean_ms"), st.floats(1.2, 3.5)),
    st.builds(Goal, st.just("p95_ms"), st.floats(2.5, 8)),
    st.builds(Goal, st.just("max_loss"), st.floats(0, 0.2)),
    st.builds(Goal, st.just("accuracy"), st.floats(0.1, 0.5)),
)
networks = st.builds(
    network, st.integers(0, 1000), st.integers(100, 300), st.just(3), st.integers(2, 6), st.floats(0.2, 2)
)


def halves(cached):
    """The halves of the images that a rule is found on and judged on."""
    return np.array_split(np.random.default_rng(0).permutation(len(cached.labels)), 2)


def image_by_image(rule, logits, labels):
    """Where each image leaves, as a session decides it, and whether it is right there."""
    ends = np.array([next(t for t in range(len(own)) if should_stop(rule, t, own[t])) for own in logits])
    return ends, np.array([own[end].argmax() == label for own, end, label in zip(logits, ends, labels, strict=True)])


def published(cached, part):
    """Where each image leaves under each of the 39 published budgets, and whether it is right there: [39, N]."""
    logits, labels = cached.logits[part], cached.labels[part]
    exact = np.exp(logits.astype(np.float64) - logits.max(axis=2, keepdims=True))
    sure = (exact.max(axis=2) / exact.sum(axis=2)).astype(np.float32)
    thresholds = published_thresholds(np.ascontiguousarray(sure.T))
    ends = np.array([[next(t for t in range(3) if own[t] >= row[t]) for own in sure] for row in thresholds])
    right = logits.argmax(axis=2) == labels[:, None]
    return ends, right[np.arange(len(labels)), ends]


@settings(deadline=None, max_examples=30)
@given(networks, GOALS)
def test_claims_are_true_and_goals_are_met(cached, goal):
    times = latency()
    (found,) = calibrate(cached, times, [goal], "some images")
    first, second = halves(cached)
    ends, right = image_by_image(found.rule, cached.logits[first], cached.labels[first])
    last = (cached.logits[first, -1].argmax(axis=1) == cached.labels[first]).mean()
    walks = np.concatenate([times.cumulative_ms[end] for end in ends])
    assert {
        "mean_ms": times.means_ms[ends].mean() <= goal.value + 1e-9,
        "p95_ms": (walks > goal.value).mean() <= 0.05 + 1e-9,
        "max_loss": right.mean() >= last - goal.value - 1e-9,
        "accuracy": right.mean() >= goal.value - 1e-9,
    }[goal.kind]
    ends, right = image_by_image(found.rule, cached.logits[second], cached.labels[second])
    assert exit_steps(found.rule, cached.logits[second]).tolist() == ends.tolist()
    judged, said = found.judged, found.rule.calibration
    assert judged.accuracy.value == said.accuracy == pytest.approx(right.mean())
    assert judged.mean_ms.value == said.mean_ms == pytest.approx(times.means_ms[ends].mean())
    assert said.mean_steps == pytest.approx(ends.mean() + 1)
    assert said.leaves == pytest.approx([(ends == step).mean() for step in range(3)])
    walks = np.sort(np.concatenate([times.cumulative_ms[end] for end in ends]))
    assert said.p95_ms == walks[int(np.ceil(0.95 * len(walks) - 1e-6)) - 1]
    assert said.p50_ms == walks[int(np.ceil(0.5 * len(walks) - 1e-6)) - 1]
    assert said.worst_ms <= max(times.cumulative_ms[-1])
    last = cached.logits[second, -1].argmax(axis=1) == cached.labels[second]
    assert found.loss.value == pytest.approx(last.mean() - right.mean())
    assert (said.data, said.data_hash, said.goal) == ("some images", "d" * 64, str(goal))
    assert said.device.startswith("a phone, b; r 1, 1 thread") and len(said.step_ms) == 3


@settings(deadline=None, max_examples=30)
@given(networks, GOALS)
def test_where_it_was_found_no_published_budget_is_better(cached, goal):
    times = latency()
    (found,) = calibrate(cached, times, [goal], "")
    first, _ = halves(cached)
    ends, right = published(cached, first)
    cost, accuracy = times.means_ms[ends].mean(axis=1), right.mean(axis=1)
    last = (cached.logits[first, -1].argmax(axis=1) == cached.labels[first]).mean()
    ours_ends, ours_right = image_by_image(found.rule, cached.logits[first], cached.labels[first])
    if goal.kind in ("mean_ms", "p95_ms"):
        late = np.array([(times.cumulative_ms[step] > goal.value).mean() for step in range(3)])
        fits = cost <= goal.value + 1e-12 if goal.kind == "mean_ms" else late[ends].mean(axis=1) <= 0.05 + 1e-12
        assert ours_right.mean() >= max(accuracy[fits], default=0) - 1e-12
    else:
        fits = accuracy >= (goal.value if goal.kind == "accuracy" else last - goal.value) - 1e-12
        assert times.means_ms[ours_ends].mean() <= min(cost[fits], default=np.inf) + 1e-9


def test_on_other_images_it_gains_where_one_step_brings_most():
    """The second of four steps finds nearly everything: letting images go in proportion is then far from the best."""
    random = np.random.default_rng(0)
    count = 4000
    labels = random.integers(0, 10, count)
    logits = random.normal(size=(count, 4, 10))
    near = random.random(count) < 0.3
    logits[np.arange(count), :, labels] += np.where(near[:, None], 6, np.array([0.5, 6, 6.2, 6.4]))
    cached = Logits(logits.astype(np.float32), labels, {"model": "c"})
    means = latency(steps=4).means_ms
    goals = [Goal("mean_ms", float(means[0] + share * (means[1] - means[0]))) for share in (0.3, 0.6, 0.75)]
    for found in calibrate(cached, latency(steps=4), goals, ""):
        assert found.against.gain.low > 0.03


def test_more_than_the_published_search_is_only_tried_where_that_pays():
    """On few images of a network without leaps a search would fit what is chance."""
    lost = [
        found.against.gain.high
        for seed in range(8)
        for found in calibrate(network(seed, 120, 4), latency(steps=4), [Goal("mean_ms", x) for x in (1.5, 2, 3)], "")
        if found.against is not None
    ]
    assert len(lost) > 15 and np.mean(np.array(lost) < 0) <= 0.1


def test_a_loss_is_kept_on_other_images_too():
    losses = [
        calibrate(network(seed, 600, 4), latency(steps=4), [Goal("max_loss", 0.01)], "")[0].loss.value
        for seed in range(12)
    ]
    assert np.mean(losses) < 0.015


def test_the_measure_is_the_one_that_tells_right_from_wrong():
    """The largest probability is 0.5 throughout; what the others are tells."""
    random = np.random.default_rng(0)
    count = 3000
    labels, sure = random.integers(0, 5, count), random.random((count, 3)) < 0.5
    wrong = (labels[:, None] + 1) % 5
    probabilities = np.full((count, 3, 5), 0.125)
    answers = np.where(sure | (random.random((count, 3)) < [0.1, 0.2, 0.95]), labels[:, None], wrong)
    probabilities[np.arange(count)[:, None], np.arange(3), answers] = 0.5
    for step in range(3):
        torn = np.flatnonzero(~sure[:, step])
        probabilities[torn, step] = 0.01
        probabilities[torn, step, answers[torn, step]] = 0.5
        probabilities[torn, step, (answers[torn, step] + 2) % 5] = 0.47
    cached = Logits(np.log(probabilities).astype(np.float32), labels, {"model": "c"})
    (found,) = calibrate(cached, latency(), [Goal("mean_ms", 2.0)], "")
    assert found.rule.measure in ("margin", "entropy") and found.judged.accuracy.value > 0.9


def test_of_measures_that_are_as_good_the_simplest_is_taken():
    """Two classes: all three order images alike."""
    for seed in range(4):
        cached = network(seed, 1000, 3, classes=2)
        (found,) = calibrate(cached, latency(), [Goal("mean_ms", 1.6)], "")
        assert (found.rule.measure, found.rule.temperature) == ("max_softmax", (1.0, 1.0, 1.0))


def test_a_step_that_everybody_leaves_has_threshold_0_and_bounds_the_worst_case():
    times = latency()
    (found,) = calibrate(network(0), times, [Goal("mean_ms", float(times.means_ms[0]))], "")
    assert found.rule.thresholds == (0.0, None)
    assert found.judged.worst_ms <= times.cumulative_ms[0].max()


def test_several_goals_share_a_search():
    goals = [Goal("mean_ms", value) for value in (1.2, 1.6, 2.0, 2.6)]
    found = calibrate(network(1, 2000, leap=2), latency(), goals, "")
    accuracies = [one.found.accuracy.value for one in found]
    assert accuracies == sorted(accuracies) and accuracies[0] < accuracies[2]


@pytest.mark.parametrize(
    ("cached", "goal", "said"),
    [
        (network(0, 99), Goal("mean_ms", 2), "logits of 99 images; at least 100"),
        (network(0, 200, 1), Goal("mean_ms", 2), "one step needs no exit rule"),
        (network(0), Goal("mean_ms", 0.5), r"goal mean 0.5 ms: cannot be met; the glance alone takes 1\.\d+ ms"),
        (network(0), Goal("p95_ms", 0.5), r"goal p95 0.5 ms: cannot be met; of the glance alone it is 1\.\d+ ms"),
        (network(0, leap=0.1), Goal("accuracy", 1), r"goal accuracy 100 %: cannot be met; .* more than \d\d"),
    ],
)
def test_what_cannot_be_is_refused(cached, goal, said):
    with pytest.raises(UserError, match=said):
        calibrate(cached, latency(steps=cached.logits.shape[1]), [goal], "")
