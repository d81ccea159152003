"""The Kotlin library on this machine's JVM: the same steps as in Python.

ExecuTorch's Android classes are the real ones; their native half, which is built for phones only, is replaced by one
over the runner's C++ core.
"""

import json
import os
import random
import subprocess

import kotlin
import numpy as np
import programs
import programs_executorch
import pytest
from PIL import Image

from export.bundle import export_bundle
from gfnet_mobile.bundle.golden import golden_calls, read_golden
from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.host.exit_rules import confidence, exit_steps
from gfnet_mobile.host.preprocess import ORIENTATION, load_image
from gfnet_mobile.host.session import Session

SEED = random.Random(os.environ.get("TEST_SEED", "0")).getrandbits(32)
BEHAVIOUR = (
    "steps are computed when they are asked for",
    "an abandoned sequence leaves nothing behind for the next image",
    "another image ends the steps before",
    "a sequence runs once",
    "a picture that is refused ends the steps before",
    "reset ends the steps",
    "close ends the steps, and may come twice",
    "limits end the sequence",
    "the glance always runs, and a step that would come late does not",
    "where no times are given for a deadline, the rule's own count",
    "limits that cannot be are refused",
    "pictures that cannot be are refused",
    "logits that are not finite are an error",
    "a position outside the image is an error",
    "an error is one short line",
)


@pytest.fixture(scope="module")
def build():
    return kotlin.build()


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory):
    return programs_executorch.make_bundle(tmp_path_factory.mktemp("kotlin") / "tiny.gfnet", programs.recurrent())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return export_bundle("demo", ["executorch"], tmp_path_factory.mktemp("kotlin"))


def walked(build, bundle, images, folder):
    """What Kotlin's registers held after each step, a record array [N, T], and its steps in order."""
    images.tofile(folder / "images")
    lines = build.run("Golden", bundle.folder, folder / "images", folder / "registers")
    fields = [(name, register.dtype, register.shape) for name, register in bundle.manifest.registers.items()]
    registers = np.fromfile(folder / "registers", np.dtype(fields))
    return registers.reshape(len(images), -1), [json.loads(line) for line in lines]


def check_golden(build, bundle, folder):
    """Every register after every step holds what the eager network wrote there last."""
    golden = read_golden(bundle)
    registers, steps = walked(build, bundle, golden["images"], folder)
    graphs = bundle.target("executorch").graphs
    expected = {}
    for one in golden_calls(bundle.manifest, golden):
        tolerance = graphs[one.call.graph].tolerance if one.call.graph in graphs else 0
        for tensor, name in one.call.outputs.items():
            expected[one.step, name] = one.outputs[tensor], tolerance
    for (step, name), (values, tolerance) in expected.items():
        found = registers[name][:, step, 0]
        allowed = 0 if values.dtype == np.int32 else tolerance * np.abs(values).max()
        assert np.abs(found - values).max() <= allowed, (step, name)
    assert [step["index"] for step in steps] == [*range(registers.shape[1])] * len(registers)


@pytest.mark.parametrize("name", programs.ALL)
def test_every_kind_of_program_gives_its_golden_vectors(build, name, tmp_path):
    bundle = programs_executorch.make_bundle(tmp_path / "tiny.gfnet", programs.ALL[name]())
    check_golden(build, bundle, tmp_path)


def test_the_demo_gives_its_golden_vectors(build, demo, tmp_path):
    check_golden(build, demo, tmp_path)


def drawn_pictures():
    """Pictures of all extents, orientations and kinds of transparency, as RGBA."""
    generator = np.random.default_rng(SEED)
    for orientation in range(1, 9):
        for height, width in ((300, 400), (224, 97), (40, 41)):
            grid = generator.integers(0, 256, (height // 8 + 1, width // 8 + 1, 4), np.uint8)
            pixels = grid.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]
            pixels[..., 3] |= 255 if orientation % 2 else 0
            picture = Image.fromarray(pixels)
            picture.getexif()[ORIENTATION] = orientation
            yield picture


def test_pictures_give_the_steps_that_python_gives(build, demo, tmp_path):
    pictures = list(drawn_pictures())
    size = demo.manifest.preprocessing.size
    with open(tmp_path / "colours", "wb") as colours:
        for picture in pictures:  # ARGB, as an integer
            red, green, blue, alpha = np.moveaxis(np.asarray(picture).astype(np.uint32), 2, 0)
            (alpha << 24 | red << 16 | green << 8 | blue).tofile(colours)
    extents = [f"{picture.width} {picture.height} {picture.getexif()[ORIENTATION]}" for picture in pictures]
    lines = build.run("Pictures", demo.folder, tmp_path / "colours", tmp_path / "images", lines="\n".join(extents))
    found = iter(json.loads(line) for line in lines)
    images = np.fromfile(tmp_path / "images", np.float32).reshape(-1, 1, 3, size, size)
    with Session(demo, "executorch") as session:
        for picture, image in zip(pictures, images, strict=True):
            prepared = load_image(picture, demo.manifest.preprocessing)
            assert np.abs(image - prepared.image).max() <= 1.001 / 255
            for step in session.steps(prepared):
                check_step(next(found), step)
    assert next(found, None) is None


def check_step(found, step):
    assert [found[name] for name in ("index", "label", "name", "patch_size")] == [
        step.index, step.label, step.name, step.patch_size,
    ]  # fmt: skip
    assert tuple(found["position"]) == (step.position or ())
    np.testing.assert_allclose(found["logits"], step.logits, atol=1e-4 * np.abs(step.logits).max(), rtol=0)
    np.testing.assert_allclose(found["probabilities"], step.probabilities, atol=1e-4)
    assert found["confidence"] == max(found["probabilities"])
    region = [step.region.top, step.region.left, step.region.height, step.region.width]
    np.testing.assert_allclose(found["region"], region, rtol=1e-12)
    assert found["elapsed_ms"] > 0


def drawn_rule(generator, logits):
    """A rule whose thresholds are confidences that some of the logits [N, T, K] have, or float32 neighbours."""
    steps = logits.shape[1]
    measure = generator.choice(["max_softmax", "margin", "entropy"])
    temperature = 10.0 ** generator.uniform(-1, 1, steps)
    sure = confidence(str(measure), temperature[:, None], logits)
    thresholds = []
    for step in range(steps - 1):
        one = sure[generator.integers(len(sure)), step]
        below, above = np.nextafter(one, np.float32(-1)), np.nextafter(one, np.float32(2))
        between = (float(one) + float(above)) / 2
        drawn = [one, below, above, between, generator.random(), None][generator.integers(6)]
        thresholds.append(None if drawn is None else min(max(float(drawn), 0.0), 1.0))
    return ExitRule(measure=str(measure), temperature=tuple(temperature.tolist()), thresholds=tuple(thresholds))


def test_exit_rules_end_10_000_sequences_where_python_does(build, tmp_path):
    generator = np.random.default_rng(SEED)
    cases, expected = [], []
    for _ in range(50):
        classes = int(generator.choice([1, 2, 5, 40]))
        logits = generator.normal(0, 10 ** generator.uniform(-1, 2), (200, 4, classes)).astype(np.float32)
        logits[::4] = logits[::4].round()  # ties
        rule = drawn_rule(generator, logits)
        expected += exit_steps(rule, logits).tolist()
        cases.append({"rule": rule.model_dump(), "logits": logits.tolist()})
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    found = [int(line) for line in build.run("ExitSteps", tmp_path / "cases.json")]
    assert found == expected
    assert set(expected) == {0, 1, 2, 3}


@pytest.fixture(scope="module")
def behaviour(build, recurrent):
    return build.run("Behaviour", recurrent.folder)


@pytest.mark.parametrize("name", BEHAVIOUR)
def test_behaviour(behaviour, name):
    assert name in behaviour


def test_all_behaviour_is_told(behaviour):
    assert behaviour == list(BEHAVIOUR)


def test_sources_are_as_ktlint_wants_them():
    jar = kotlin.ktlint()
    done = subprocess.run(
        ["java", "-jar", str(jar), "**/*.kt", "**/*.kts"], cwd=kotlin.SOURCES, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
