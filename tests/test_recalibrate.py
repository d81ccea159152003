"""New thresholds let the same share of the images go at each step as the old ones did before compression."""

import numpy as np
import programs
from hypothesis import given
from hypothesis import strategies as st

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.bundle.store import open_bundle, with_rules, write_manifest
from gfnet_mobile.calibrate.recalibrate import recalibrate, same_shares
from gfnet_mobile.host.exit_rules import exit_steps
from gfnet_mobile.measure.verify import verify

MEASURES = st.sampled_from(["max_softmax", "margin", "entropy"])


@st.composite
def cases(draw, coarse=False):
    """A rule, and logits [N, T, K] before and after compression; ``coarse`` ones have many ties."""
    steps, count = draw(st.integers(2, 5)), draw(st.integers(1, 60))
    thresholds = st.lists(st.none() | st.floats(0, 1), min_size=steps - 1, max_size=steps - 1)
    temperature = draw(st.lists(st.floats(0.5, 3), min_size=steps, max_size=steps))
    rule = ExitRule(measure=draw(MEASURES), temperature=tuple(temperature), thresholds=tuple(draw(thresholds)))
    generator = np.random.default_rng(draw(st.integers(0, 10_000)))
    before = generator.normal(scale=3, size=(count, steps, 4)).astype(np.float32)
    after = (before * 0.8 + generator.normal(scale=0.5, size=before.shape)).astype(np.float32)
    return (rule, before.round(), after.round()) if coarse else (rule, before, after)


def leaving(rule, logits):
    return np.bincount(exit_steps(rule, logits), minlength=logits.shape[1])


@given(case=cases())
def test_without_ties_every_share_is_met_exactly(case):
    rule, before, after = case
    assert np.array_equal(leaving(same_shares(rule, before, after), after), leaving(rule, before))


@given(case=cases(coarse=True))
def test_ties_never_stop_a_rule_from_being_one(case):
    rule, before, after = case
    found = same_shares(rule, before, after)
    ExitRule.model_validate(found.model_dump())
    assert (found.measure, found.temperature) == (rule.measure, rule.temperature)


@given(case=st.one_of(cases(), cases(coarse=True)))
def test_null_stays_null(case):
    rule, before, after = case
    found = same_shares(rule, before, after)
    assert all(new is None for old, new in zip(rule.thresholds, found.thresholds, strict=True) if old is None)


@given(case=st.one_of(cases(), cases(coarse=True)))
def test_where_nothing_moved_the_rule_stays_as_it_is(case):
    rule, before, _ = case
    assert same_shares(rule, before, before) == rule


def test_ties_leave_together_and_the_next_step_makes_up_for_it():
    rule = ExitRule(measure="max_softmax", temperature=(1, 1, 1), thresholds=(0.9, 0.9))
    sure, torn = [9.0, 0.0], [0.1, 0.0]
    before = np.array([[sure, torn, torn]] + [[torn, sure, torn]] * 2 + [[torn, torn, torn]], np.float32)
    after = np.array([[sure, sure, torn]] * 3 + [[torn, torn, torn]], np.float32)  # three tie at step 0, one may go
    found = same_shares(rule, before, after)
    assert leaving(rule, before).tolist() == [1, 2, 1]
    assert leaving(found, after).tolist() == [0, 3, 1]


def in_integers(bundle):
    """The same, as its manifest has it."""
    draft = bundle.manifest.model_dump()
    for graph in draft["targets"]["onnx"]["graphs"].values():
        graph["compression"] = "int8"
    write_manifest(bundle.folder, draft)
    return open_bundle(bundle.folder)


def test_a_target_gets_rules_of_its_own_and_the_bundle_stays_the_same_network(tmp_path):
    bundle = in_integers(programs.make_bundle(tmp_path / "tiny.gfnet", programs.recurrent()))
    target, steps = next(iter(bundle.manifest.targets)), len(bundle.manifest.steps)
    generator = np.random.default_rng(0)
    eager = generator.normal(scale=3, size=(200, steps, bundle.manifest.classes)).astype(np.float32)
    compressed = eager * np.float32(0.7)
    labels = eager[:, -1].argmax(1)
    found = recalibrate(bundle, target, eager, compressed, labels, "some images")
    changed = with_rules(bundle, target, found.rules)
    assert changed.manifest.bundle_id == bundle.manifest.bundle_id
    assert changed.manifest.rules == bundle.manifest.rules
    assert changed.manifest.rules_of(target)[found.rule] == found.rules[found.rule]
    assert found.new.share == found.before.share
    assert found.old.share != found.before.share
    assert found.compressed == found.eager
    assert found.rules[found.rule].calibration.accuracy == found.new.accuracy
    assert found.rules[found.rule].calibration.leaves == found.new.share


def test_verify_holds_each_side_to_rules_of_its_own(tmp_path):
    bundle = programs.make_bundle(tmp_path / "tiny.gfnet", programs.recurrent())
    draft, steps = bundle.manifest.model_dump(), len(bundle.manifest.steps)
    for name in draft["rules"]:
        at_once, never = ((value,) * (steps - 1) for value in (0.0, None))
        draft["rules"][name]["thresholds"] = at_once
        draft["targets"]["onnx"]["rules"][name] = draft["rules"][name] | {"thresholds": never}
    write_manifest(bundle.folder, draft)
    (agreement,) = verify(open_bundle(bundle.folder), ["onnx"]).agreements
    assert (agreement.labels, agreement.steps) == (agreement.images, 0)
