"""Every kind of program runs on the same runner, and gives what its oracle gives."""

import numpy as np
import programs
import pytest

from gfnet_mobile.bundle.golden import golden_calls, key
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.verify import verify

IMAGES = programs.golden_images()


@pytest.fixture(params=programs.ALL.values(), ids=programs.ALL.keys())
def program(request):
    return request.param()


def test_the_session_gives_what_the_oracle_gives(program, tmp_path):
    expected = programs.expected(program, IMAGES)
    with Session(programs.make_bundle(tmp_path / "b.gfnet", program)) as session:
        for image, pixels in enumerate(IMAGES):
            for step, (calls, size) in zip(session.steps(from_pixels(pixels)), program.steps, strict=True):
                answering = next(call["graph"] for call in calls if "logits" in call["outputs"])
                logits = expected[key(step.index, answering, "logits")][image]
                np.testing.assert_allclose(step.logits, logits, rtol=0, atol=1e-5 * np.abs(logits).max())
                assert step.patch_size == size
                if size is not None:
                    looking = next(call["graph"] for call in calls if "position" in call["outputs"])
                    assert step.position == tuple(expected[key(step.index, looking, "position")][image])


def test_it_verifies(program, tmp_path):
    report = verify(programs.make_bundle(tmp_path / "b.gfnet", program), ["onnx"])
    assert report.rows and all(row.ok for row in report.rows)
    assert {row.mode for row in report.rows} == {"graph", "loop"}
    assert report.agreements[0].labels == report.agreements[0].steps == programs.IMAGES


def test_golden_inputs_follow_from_golden_outputs(program, tmp_path):
    bundle = programs.make_bundle(tmp_path / "b.gfnet", program)
    graphs = {graph.name: graph for graph in program.graphs}
    expected = programs.expected(program, IMAGES)
    for call in golden_calls(bundle.manifest, {"images": IMAGES, **expected}):
        if call.call.graph in graphs:
            for image in range(programs.IMAGES):
                inputs = {tensor: values[image : image + 1] for tensor, values in call.inputs.items()}
                for tensor, value in graphs[call.call.graph].run(**inputs).items():
                    np.testing.assert_array_equal(value[0], call.outputs[tensor][image])


def test_an_image_leaves_nothing_behind_for_the_next(program, tmp_path):
    with Session(programs.make_bundle(tmp_path / "b.gfnet", program)) as session:
        first = [step.logits for step in session.steps(from_pixels(IMAGES[0]))]
        list(session.steps(from_pixels(IMAGES[1])))
        session.reset()  # for the stream; the others need none
        again = [step.logits for step in session.steps(from_pixels(IMAGES[0]))]
    np.testing.assert_array_equal(first, again)


def test_a_stream_remembers_the_frames_before(tmp_path):
    with Session(programs.make_bundle(tmp_path / "b.gfnet", programs.stream())) as session:
        first, second = (session.classify(from_pixels(IMAGES[0])) for _ in range(2))
        session.reset()
        fresh = session.classify(from_pixels(IMAGES[0]))
    assert not np.array_equal(first.logits, second.logits)
    np.testing.assert_array_equal(first.logits, fresh.logits)
