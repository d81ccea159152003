"""The Kotlin library on this machine's JVM: the same steps and the same refusals as in Python.

Graphs are run by the runner's C++ core over JNI, since ExecuTorch's Android library is built for phones only. Against
its classes everything is compiled.
"""

import copy
import json
import os
import random
import shutil
import subprocess

import kotlin
import numpy as np
import programs
import programs_executorch
import pytest
from PIL import Image
from pydantic import ValidationError
from test_manifest_mutations import ODD_STRINGS, places, resealed

from export.bundle import export_bundle
from gfnet_mobile.bundle.golden import golden_calls, read_golden
from gfnet_mobile.bundle.identity import bundle_id
from gfnet_mobile.bundle.manifest import ExitRule, Manifest
from gfnet_mobile.bundle.store import Bundle, write_manifest
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import confidence, exit_steps
from gfnet_mobile.host.preprocess import ORIENTATION, load_image
from gfnet_mobile.host.session import Session

SEED = random.Random(os.environ.get("TEST_SEED", "0")).getrandbits(32)
GREY = np.full((20, 30, 3), 128, np.uint8)
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


ODD_VALUES = [None, True, 0, 1, -1, 1.0, 0.5, 2**70, 1e999, [], {}, [1], {"a": 1}, *ODD_STRINGS, "ÿ", "\u2028", "😀"]


def mutated(manifest, draw):
    """A manifest with something else in one to three of its places."""
    manifest = copy.deepcopy(manifest)
    for _ in range(draw.randint(1, 3)):
        *path, last = draw.choice(list(places(manifest))[1:])
        parent = manifest
        for name in path:
            parent = parent[name]
        kind = draw.choice(["replace", "remove", "swap", "add"])
        if kind == "remove" and len(manifest) > 1:
            del parent[last]
        elif kind == "replace":
            parent[last] = draw.choice(ODD_VALUES)
        elif kind == "swap":  # with another part of the document: right kind, wrong place
            other = manifest
            for name in draw.choice(list(places(manifest))[1:]):
                other = other[name]
            parent[last] = copy.deepcopy(other)
        elif isinstance(parent, dict):
            parent[draw.choice([*ODD_STRINGS, "more"])] = draw.choice(ODD_VALUES)
    return resealed(manifest)


def with_other_bytes(text, draw):
    content = bytearray(text)
    for _ in range(draw.randint(1, 3)):
        content[draw.randrange(len(content))] = draw.choice([draw.randrange(256), *b'",:[]{} \n\t01e-\\'])
    return bytes(content)


def python_opens(folder):
    """And takes all steps; without the files of other targets, which an app leaves out."""
    try:
        manifest = Manifest.model_validate_json((folder / "manifest.json").read_bytes(), strict=True)
        bundle = Bundle(folder, manifest)
        bundle.check_files("executorch")
        if manifest.bundle_id != bundle_id(manifest):
            return False
        with Session(bundle, "executorch") as session:
            session.classify(GREY, threshold=1)
        return True
    except (ValidationError, UserError):
        return False


def opened(build, folders):
    """What Kotlin says of each bundle."""
    lines = build.run("Openings", lines="\n".join(map(str, folders)))
    assert len(lines) == len(folders)
    return lines


def linked_copy(bundle, folder):
    return shutil.copytree(bundle.folder, folder, copy_function=os.link)


def bundles_with(texts, bundle, tmp_path):
    """A bundle for each manifest, all files shared but that one."""
    folders = []
    for number, text in enumerate(texts):
        folders.append(linked_copy(bundle, tmp_path / str(number)))
        (folders[-1] / "manifest.json").unlink()
        (folders[-1] / "manifest.json").write_bytes(text)
    return folders


def check_openings(build, folders):
    """Whether each opens in Python; in Kotlin it must be the same."""
    expected = [python_opens(folder) for folder in folders]
    differences = [
        f"{folder}: {'opens' if opens else 'is refused'} in Python; Kotlin: {line}"
        for folder, opens, line in zip(folders, expected, opened(build, folders), strict=True)
        if opens != (line == "opened")
    ]
    assert differences == []
    return expected


def test_mutated_manifests_are_refused_where_python_refuses_them(build, recurrent, tmp_path):
    draw = random.Random(SEED)
    text = (recurrent.folder / "manifest.json").read_bytes()
    texts = [json.dumps(mutated(json.loads(text), draw)).encode() for _ in range(1500)]
    texts += [with_other_bytes(text, draw) for _ in range(500)]
    expected = check_openings(build, bundles_with(texts, recurrent, tmp_path))
    assert 20 < sum(expected) < 1900


NEARLY_JSON = {
    '"name": "tiny"': (
        '"name": "tiny", "name": "other"', '"name": "tiny", "name": 1', '"name": 1, "name": "tiny"', "'name': 'tiny'",
        'name: "tiny"', '"name": tiny', '"name" "tiny"', '"name": "tiny",', '/* none */ "name": "tiny"',
        '"name": "tiny" # none', '"n\\u0061me": "tiny"', '"name": "t\\u0069ny"', '"name": "t\\U0069ny"',
    ),
    '"class 0"': (
        '"a\tb"', '"a\nb"', '"a\x00b"', '"a\x7fb"', '"a\\tb"', '"a\\u0007b"', '"a\\xb"', '"a\\ud83d\\ude00b"',
        '"a\\ud83db"', '"a\\ude00\\ud83db"', '"a\\ud83d\\ud83d\\ude00b"', '"a\\u00"', '"😀"', '"\u2028"',
    ),
    '"schema_version": 1,': tuple(
        f'"schema_version": {one},' for one in ("1.0", "1e0", "true", '"1"', "01", "+1", "-1", "0", "0x1", "1_0", "[1]")
    ),
    '"temperature": [1.0, ': tuple(
        f'"temperature": [{one}, '
        for one in ("1", "1e0", "1E+0", "1.", ".5", "NaN", "Infinity", "1e999", "1e-999", "0.001", "1000", "0.00099999",
                    "1000.0001", "true", "null", "1d", "1f", "0x1p3", "1" * 5000)
    ),
    '"thresholds": [0.9, 0.9]': ('"thresholds": [0.9, 0.9,]', '"thresholds": [0.9,, 0.9]', '"thresholds": [0.9, NULL]',
                                 '"thresholds": [0.9, null]', '"thresholds": [0.9 0.9]'),
}  # fmt: skip
"""part of a manifest → what stands there instead"""


def test_what_is_nearly_json_is_refused_where_python_refuses_it(build, recurrent, tmp_path):
    manifest = json.loads((recurrent.folder / "manifest.json").read_text())
    text = json.dumps(manifest, ensure_ascii=False)
    odd = ["", " ", "null", "[]", text + "x", text + "{}", text + " ", "\ufeff" + text, "\f" + text, text[:-1] + ",}"]
    odd += ["[" * 100_000, '{"a":' * 100_000, '{"registers":' + "[" * 100_000]
    for part, instead in NEARLY_JSON.items():
        assert part in text, part
        odd += [text.replace(part, one, 1) for one in instead]
    texts = [one.encode() for one in odd] + [text.encode("utf-16"), text.replace("class 0", "ÿ").encode("latin-1")]
    check_openings(build, bundles_with(texts, recurrent, tmp_path))


def test_a_manifest_of_a_newer_version_says_so(build, recurrent, tmp_path):
    folder = linked_copy(recurrent, tmp_path / "new.gfnet")
    manifest = json.loads((folder / "manifest.json").read_text()) | {"schema_version": 2, "more": 1}
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "newer gfnet-mobile (schema_version 2)" in opened(build, [folder])[0]


def test_a_bundle_may_leave_out_its_golden_vectors_only(build, recurrent, tmp_path):
    graph = recurrent.target("executorch").graphs["focus"].path
    names = ("whole", "without golden vectors", "without a graph", "altered", "linked out", "no bundle")
    folders = [linked_copy(recurrent, tmp_path / name) for name in names]
    (folders[1] / "golden.safetensors").unlink()
    for folder in folders[2:5]:
        (folder / graph).unlink()
    content = bytearray((recurrent.folder / graph).read_bytes())
    content[len(content) // 2] ^= 1
    (folders[3] / graph).write_bytes(content)
    (folders[4] / graph).symlink_to(recurrent.folder / graph)
    (folders[5] / "manifest.json").unlink()
    said = opened(build, folders)
    assert said[:2] == ["opened", "opened"]
    for line, words in zip(said[2:], ("SHA-256", "SHA-256", "leaves the bundle", "is no bundle"), strict=True):
        assert words in line


def test_a_graph_that_is_no_program_says_so(build, recurrent, tmp_path):
    folder = linked_copy(recurrent, tmp_path / "broken.gfnet")
    for name in ("manifest.json", "executorch/focus.pte"):
        (folder / name).unlink()
    (folder / "executorch" / "focus.pte").write_bytes(b"no program" * 100)
    write_manifest(folder, recurrent.manifest.model_dump())
    assert "ExecuTorch cannot load method 'forward'" in opened(build, [folder])[0]


def test_a_bundle_for_another_target_says_which_it_has(build, recurrent_bundle):
    (said,) = opened(build, [recurrent_bundle.folder])
    assert "no target 'executorch'; the bundle has onnx" in said


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
