"""A verdict says *faster* only where it is so, and by how much: held against plain code of its own."""

from dataclasses import replace

import numpy as np
import programs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.calibrate.expectation import expectation
from gfnet_mobile.compare.contenders import Contender
from gfnet_mobile.compare.curves import best_first, hull, oracle, oracle_ms
from gfnet_mobile.compare.options import Option
from gfnet_mobile.compare.ratios import drawn_latencies, ratio
from gfnet_mobile.compare.verdict import verdict
from gfnet_mobile.measure.logits import Logits, halves
from gfnet_mobile.measure.results import this_device
from gfnet_mobile.measure.step_latency import Context, StepLatency

CONTEXT = Context(this_device(), "onnx", "onnxruntime", "1", "none", 1, "cpu")
RULE = ExitRule(measure="margin", temperature=(1.0,) * 3, thresholds=(0.5, 0.5))
STEPS = 3


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    made = {"dynamic": programs.make_bundle(folder / "dynamic.gfnet", programs.recurrent(), name="dynamic")}
    for size in (96, 128, 160):
        name = f"static-{size}"
        made[name] = programs.make_bundle(folder / f"{name}.gfnet", programs.static(), name=name)
    return made


def contender(bundle, times, runs=("then",), logits=None):
    """``times`` [T, rounds] ms."""
    cached = Logits(np.zeros((2, len(times), 2), np.float32), np.zeros(2, np.int64), {}) if logits is None else logits
    return Contender(bundle, cached, StepLatency(CONTEXT, tuple(np.array(one, float) for one in times), runs))


def option(one, ends, right):
    ends, right = np.array(ends), np.array(right, bool)
    found = expectation(ends, right, one.latency, one.steps - 1)
    mean = float(one.latency.medians_ms[ends].mean())
    return Option(one, RULE if one.steps > 1 else None, float(right.mean()), mean, ends, right, mean, found)


def family(bundles, random, count, rounds, accuracies, times, leaves, speeds):
    """A dynamic option and one for each static network; rounds are a little noisy."""

    def noisy(milliseconds):
        return milliseconds * (1 + 0.02 * random.random(rounds))

    one = contender(bundles["dynamic"], [noisy(time) for time in np.cumsum(times)])
    dynamic = option(one, random.choice(STEPS, count, p=leaves), random.random(count) < accuracies[0])
    statics = [
        option(contender(bundles[name], [noisy(speed)]), np.zeros(count, int), random.random(count) < accuracy)
        for name, speed, accuracy in zip(list(bundles)[1:], speeds, accuracies[1:], strict=True)
    ]
    return dynamic, statics


def plainly(dynamic, statics):
    """Deployable and interpolated ratio, in plain code: from the samples themselves."""
    times = dynamic.contender.latency.cumulative_ms
    took = sum(np.median(times[end]) for end in dynamic.ends) / len(dynamic.ends)
    wanted = sum(dynamic.right) / len(dynamic.right)
    points = sorted((np.median(one.contender.latency.cumulative_ms[0]), one.right.mean()) for one in statics)
    reaching = [time for time, accuracy in points if accuracy >= wanted - 1e-9]
    front = [(t, a) for i, (t, a) in enumerate(points) if all(a > other for _, other in points[:i])]
    between = np.inf
    for (t0, a0), (t1, a1) in zip([(front[0][0], -1.0), *front], front, strict=False):
        if a0 < wanted <= a1 + 1e-9:
            between = t0 + (t1 - t0) * (wanted - a0) / (a1 - a0) if a0 >= 0 else t1
            break
    return (min(reaching) if reaching else np.inf) / took, between / took


SHARE = st.floats(0.05, 1)
FAMILIES = {
    "seed": st.integers(0, 2**32 - 1),
    "accuracies": st.lists(st.floats(0.4, 0.99), min_size=4, max_size=4),
    "times": st.lists(st.floats(0.1, 3), min_size=STEPS, max_size=STEPS),
    "speeds": st.lists(st.floats(0.2, 10), min_size=3, max_size=3),
    "leaves": st.lists(SHARE, min_size=STEPS, max_size=STEPS),
}


@settings(deadline=None, max_examples=60)
@given(**FAMILIES)
def test_faster_is_never_said_where_a_static_network_dominates(bundles, seed, accuracies, times, speeds, leaves):
    shares = np.array(leaves) / sum(leaves)
    dynamic, statics = family(bundles, np.random.default_rng(seed), 300, 20, accuracies, times, shares, speeds)
    found = verdict([dynamic], statics, drawn_latencies([one.contender for one in (dynamic, *statics)]), 0.0)
    deployable, interpolated = plainly(dynamic, statics)
    assert found.ratio.deployable.value == pytest.approx(deployable)
    assert found.ratio.interpolated.value == pytest.approx(interpolated)
    assert found.ratio.interpolated.value <= found.ratio.deployable.value * (1 + 1e-9)
    took, right = dynamic.mean_ms, dynamic.right.mean()
    dominated = any(one.right.mean() >= right and one.mean_ms <= took for one in statics)
    if dominated:
        assert found.kind == "not faster" and found.sentence.startswith("not faster: use the static network static-")
    if found.kind == "faster":
        assert deployable > 1 and found.ratio.deployable.low > 1 and found.static is not None
    reaching = [one for one in statics if one.right.mean() >= right - 1e-9]
    assert (found.kind == "alone") == (not reaching)
    if reaching:
        assert found.static is min(reaching, key=lambda one: np.median(one.contender.latency.cumulative_ms[0]))


def test_the_interval_is_that_of_drawing_images_and_rounds_anew(bundles):
    random = np.random.default_rng(3)
    dynamic, statics = family(
        bundles, random, 200, 12, (0.8, 0.7, 0.78, 0.9), (1, 1, 1), (0.5, 0.3, 0.2), (1.5, 3.0, 6.0)
    )
    found = ratio(dynamic, statics, drawn_latencies([one.contender for one in (dynamic, *statics)])).interpolated
    values = []
    for _ in range(1500):
        images, rounds = random.integers(0, 200, 200), random.integers(0, 12, 12)  # the same for all: measured in turn

        def again(one, images=images, rounds=rounds):
            times = tuple(samples[rounds] for samples in one.contender.latency.cumulative_ms)
            latency = replace(one.contender.latency, cumulative_ms=times)
            return replace(
                one, contender=replace(one.contender, latency=latency), ends=one.ends[images], right=one.right[images]
            )

        values.append(plainly(again(dynamic), [again(one) for one in statics])[1])
    low, high = np.quantile(values, [0.025, 0.975])
    assert found.low == pytest.approx(low, rel=0.06) and found.high == pytest.approx(high, rel=0.06)


def test_more_images_and_steadier_rounds_make_the_interval_narrower(bundles):
    def width(count, noise):
        random = np.random.default_rng(0)
        times = [[step * (1 + noise * value) for value in random.random(30)] for step in (1, 2, 3)]
        one = contender(bundles["dynamic"], times)
        dynamic = option(one, np.arange(count) % 3, np.arange(count) % 10 < 8)
        statics = [
            option(contender(bundles[name], [time * (1 + noise * random.random(30))], (name,)), np.zeros(count, int),
                   (np.arange(count) * 7) % 10 < share)
            for name, time, share in (("static-96", 3.0, 7), ("static-128", 4.0, 9))
        ]  # fmt: skip
        found = ratio(dynamic, statics, drawn_latencies([one.contender for one in (dynamic, *statics)])).interpolated
        return found.high - found.low

    assert width(4000, 0.0) < width(200, 0.0) / 2
    assert width(4000, 0.0) < width(4000, 1.5) / 2


def test_the_rule_is_chosen_on_the_first_half_and_judged_on_the_other(bundles):
    one = contender(bundles["dynamic"], [[1.0] * 5, [2.0] * 5, [3.0] * 5])
    right = np.arange(100) < 90
    lucky = replace(option(one, np.zeros(100, int), right), fitted_accuracy=0.5)  # good on the half that decides only
    chosen = replace(option(one, np.full(100, 1), np.arange(100) < 80), fitted_accuracy=0.95)
    slower = replace(option(one, np.full(100, 2), right), fitted_accuracy=0.97)
    statics = [option(contender(bundles["static-96"], [[9.0] * 5]), np.zeros(100, int), np.arange(100) < 95)]
    found = verdict([lucky, chosen, slower], statics, drawn_latencies([one, statics[0].contender]), 0.95)
    assert found.dynamic is chosen
    assert found.sentence.startswith("4.50× faster (4.50–4.50) at 80.0%: dynamic against the static network static-96")


def test_an_accuracy_out_of_reach_names_the_static_network_to_use(bundles):
    one = contender(bundles["dynamic"], [[1.0], [2.0], [3.0]])
    dynamic = option(one, np.zeros(100, int), np.arange(100) < 80)
    static = option(contender(bundles["static-160"], [[9.0]]), np.zeros(100, int), np.arange(100) < 95)
    drawn = drawn_latencies([one, static.contender])
    found = verdict([dynamic], [static], drawn, 0.9)
    assert (found.kind, found.static) == ("out of reach", static)
    assert "dynamic reaches 80.0% at most; use the static network static-160 at 8 pixels" in found.sentence
    assert verdict([dynamic], [static], drawn, 0.99).sentence.endswith("none of the static networks does either")
    alone = verdict([dynamic], [option(static.contender, static.ends, np.arange(100) < 50)], drawn, 0.8)
    assert (alone.kind, alone.sentence) == ("alone", "no static network here reaches 80.0%; dynamic does in 1 ms")


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 1000).map(float)), min_size=1, max_size=12))
def test_no_mixture_of_two_points_beats_the_hull(spots):
    found = hull(spots)
    assert next(spots[index] for index in best_first(*zip(*spots, strict=True))) == found[0]
    times, accuracies = [spot[1] for spot in found], [spot[0] for spot in found]
    for one in spots:
        for other in spots:
            for share in (0.0, 0.3, 0.5):
                accuracy, time = (share * x + (1 - share) * y for x, y in zip(one, other, strict=True))
                assert accuracy <= np.interp(time, times, accuracies) + 1e-9


def test_the_oracle_takes_each_images_cheapest_right_exit(bundles):
    random = np.random.default_rng(2)
    labels = random.integers(0, 4, 400)
    logits = Logits(random.normal(size=(400, STEPS, 4)).astype(np.float32), labels, {})
    one = contender(bundles["dynamic"], [[1.0], [2.5], [4.0]], logits=logits)
    _, second = halves(400)
    took, right = [], []
    for index in second:
        answers = logits.logits[index].argmax(axis=1) == labels[index]
        steps = [step for step in range(STEPS) if answers[step]]
        took.append([1.0, 2.5, 4.0][steps[0]] if steps else 1.0)
        right.append(bool(steps))
    assert oracle(one)[-1] == pytest.approx((np.mean(right), np.mean(took)))
    assert oracle(one)[0] == pytest.approx((np.mean(logits.logits[second, 0].argmax(1) == labels[second]), 1.0))
    assert 1.0 < oracle_ms(oracle(one), (oracle(one)[0][0] + oracle(one)[-1][0]) / 2) < np.mean(took)
