"""The session: lazy steps, limits, and clear errors for misuse."""

from time import perf_counter, sleep

import numpy as np
import programs
import pytest

from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session

IMAGE = from_pixels(programs.golden_images()[0])


@pytest.fixture(scope="module")
def session(recurrent_bundle):
    with Session(recurrent_bundle) as session:
        yield session


@pytest.fixture
def calls(session, monkeypatch):
    """Counts the calls that are made, step by step."""
    made: list[int] = []
    counted = [[lambda w=work, i=i: (made.append(i), w()) for work in step] for i, step in enumerate(session._calls)]
    monkeypatch.setattr(session, "_calls", counted)
    return made


def test_a_step_has_what_the_design_names(session):
    names = (
        "index", "logits", "probabilities", "confidence", "label", "name", "position", "patch_size", "region",
        "elapsed_ms",
    )  # fmt: skip
    for step in session.steps(IMAGE):
        assert all(hasattr(step, name) for name in names)


def test_steps_describe_themselves(session):
    glance, first, second = session.steps(IMAGE)
    assert [glance.index, first.index, second.index] == [0, 1, 2]
    assert glance.position is None and glance.patch_size is None
    assert (glance.region.top, glance.region.height) == (0, programs.S)
    assert first.patch_size == programs.P and (first.region.top, first.region.left) == first.position
    assert glance.probabilities.sum() == pytest.approx(1) and glance.confidence == glance.probabilities.max()
    assert glance.label == glance.logits.argmax() and glance.name == f"class {glance.label}"
    assert 0 < glance.elapsed_ms < first.elapsed_ms < second.elapsed_ms


def test_a_kept_step_does_not_change(session):
    glance, *_ = session.steps(IMAGE)
    before = glance.logits.copy()
    list(session.steps(from_pixels(programs.golden_images()[1])))
    np.testing.assert_array_equal(glance.logits, before)


def test_nothing_runs_before_it_is_asked_for(session, calls):
    steps = session.steps(IMAGE)
    assert calls == []
    next(steps)
    assert set(calls) == {0}
    next(steps)
    assert set(calls) == {0, 1}


def test_the_callers_time_does_not_count(session):
    start = perf_counter()
    elapsed = [(sleep(0.02), step.elapsed_ms)[1] for step in session.steps(IMAGE)]
    assert elapsed[-1] < 1000 * (perf_counter() - start) - 50


def test_starting_on_another_image_ends_the_steps_of_the_first(session):
    older, newer = session.steps(IMAGE), session.steps(IMAGE)
    next(older)
    next(newer)
    with pytest.raises(RuntimeError, match="another image"):
        next(older)
    assert next(newer).index == 1


def test_a_prepared_picture_lies_where_the_graphs_read_it(session):
    other = from_pixels(programs.golden_images()[1])
    expected = [[step.logits for step in session.steps(picture)] for picture in (IMAGE, other)]
    prepared = session.prepare(IMAGE)
    np.testing.assert_array_equal(session.register(session.bundle.manifest.image), IMAGE.image)
    np.testing.assert_array_equal([step.logits for step in session.steps(prepared)], expected[0])
    session.prepare(other)
    np.testing.assert_array_equal([step.logits for step in session.steps(prepared)], expected[0])


def test_preparing_a_picture_ends_the_steps_of_the_one_before(session):
    steps = session.steps(IMAGE)
    next(steps)
    session.prepare(IMAGE)
    with pytest.raises(RuntimeError, match="another image"):
        next(steps)


def test_a_closed_session_says_so(recurrent_bundle):
    with Session(recurrent_bundle) as session:
        steps = session.steps(IMAGE)
        next(steps)
    with pytest.raises(RuntimeError, match="closed"):
        next(steps)
    with pytest.raises(RuntimeError, match="closed"):
        session.classify(IMAGE)


def test_classify_ends_where_the_rule_says(session):
    assert session.classify(IMAGE, threshold=0).index == 0
    assert session.classify(IMAGE, threshold=1).index == 2
    assert session.classify(IMAGE, rule="margin").index == 2


def test_classify_takes_no_more_than_max_steps(session, calls):
    assert session.classify(IMAGE, threshold=1, max_steps=2).index == 1
    assert set(calls) == {0, 1}
    assert session.classify(IMAGE, threshold=1, max_steps=99).index == 2


def test_the_glance_always_runs_and_no_step_passes_the_deadline(session, calls):
    assert session.classify(IMAGE, threshold=1, deadline_ms=0).index == 0
    assert set(calls) == {0}
    assert session.classify(IMAGE, threshold=1, deadline_ms=1e6).index == 2
    assert session.classify(IMAGE, threshold=1, deadline_ms=1e6, expected_ms=(0, 0, 2e6)).index == 1
    assert session.classify(IMAGE, threshold=1, deadline_ms=1e6, expected_ms=(9e9,)).index == 2


def test_where_no_times_are_given_for_a_deadline_the_rules_own_count(session):
    assert session.classify(IMAGE, rule="margin").index == 2
    assert session.classify(IMAGE, rule="margin", deadline_ms=1e6).index == 1
    assert session.classify(IMAGE, rule="margin", deadline_ms=1e6, expected_ms=(0, 0, 0)).index == 2


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"threshold": 1.5}, "between 0 and 1"),
        ({"threshold": float("nan")}, "between 0 and 1"),
        ({"max_steps": 0}, "at least 1"),
        ({"deadline_ms": -1}, "at least 0"),
        ({"deadline_ms": float("nan")}, "at least 0"),
        ({"rule": "nope"}, "the bundle has default, margin"),
        ({"rule": "margin", "threshold": 0.5}, "one of them"),
    ],
)
def test_bad_limits_are_refused(session, limits, message):
    with pytest.raises(UserError, match=message):
        session.classify(IMAGE, **limits)


def test_an_image_of_another_size_is_refused(session):
    with pytest.raises(UserError, match=r"takes \[1, 3, 8, 8\]"):
        session.classify(from_pixels(np.zeros((9, 9, 3), np.uint8)))


def test_logits_that_are_not_finite_are_an_error(tmp_path):
    net = programs.Graph("net", "float[1,3,8,8] image", "float[1,5] logits",
                         "zero = Constant <value = float[1] {0.0}> () flat = Flatten (image) "
                         "mixed = MatMul (flat, W0) logits = Div (mixed, zero)", ((192, 5),))  # fmt: skip
    program = programs.static()
    broken = programs.Program((net,), program.registers, program.steps)
    with np.errstate(divide="ignore"):
        bundle = programs.make_bundle(tmp_path / "b.gfnet", broken)
    with Session(bundle) as session, pytest.raises(UserError, match="not finite"):
        session.classify(IMAGE)


def test_a_position_outside_the_image_is_an_error(tmp_path):
    """Only the built-in crop can meet one."""
    look = programs.Graph("policy", "float[1,3,2,2] state, float[1,6] hidden",
                          "int32[1,2] position, float[1,6] hidden_out",
                          "flat = Flatten (state) hidden_out = Identity (hidden) "
                          "position = Constant <value = int32[1,2] {7, 7}> ()")  # fmt: skip
    program = programs.builtin_crop()
    graphs = tuple(look if graph.name == "policy" else graph for graph in program.graphs)
    fine = programs.make_bundle(tmp_path / "b.gfnet", program)
    import onnx

    from gfnet_mobile.bundle.store import open_bundle, write_manifest

    onnx.save(look.model, fine.folder / "onnx" / "policy.onnx")
    write_manifest(fine.folder, programs.draft(programs.Program(graphs, program.registers, program.steps)))
    with Session(open_bundle(fine.folder)) as session, pytest.raises(UserError, match="outside the image"):
        session.classify(IMAGE, threshold=1)


def test_a_session_takes_files_pillow_images_and_arrays(session, picture):
    from PIL import Image

    with Image.open(picture) as opened:
        answers = [session.classify(source) for source in (picture, str(picture), opened, np.asarray(opened))]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer.logits, answers[0].logits)
