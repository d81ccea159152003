"""The Kotlin library opens what Python opens, and refuses what Python refuses, in one line."""

import json
import os
import shutil

import kotlin
import numpy as np
import programs
import programs_executorch
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutated_manifests import mutated, resealed
from pydantic import ValidationError

from gfnet_mobile.bundle.identity import bundle_id
from gfnet_mobile.bundle.manifest import Manifest
from gfnet_mobile.bundle.store import Bundle, write_manifest
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session

GREY = np.full((20, 30, 3), 128, np.uint8)
MANY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def kotlin_says():
    """Opens a bundle in Kotlin and takes all steps: "opened", or why it was refused."""
    with kotlin.build().conversation("Openings") as ask:
        yield lambda folder: ask(str(folder))


def python_opens(folder):
    """The same in Python. Files of other targets may be missing: an app leaves them out."""
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


def linked_copy(bundle, folder):
    """Shares all files but the manifest."""
    shutil.copytree(bundle.folder, folder, copy_function=os.link)
    (folder / "manifest.json").unlink()
    shutil.copy(bundle.folder / "manifest.json", folder)
    return folder


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory):
    return programs_executorch.make_bundle(tmp_path_factory.mktemp("kotlin") / "tiny.gfnet", programs.recurrent())


@pytest.fixture(scope="module")
def cropping(tmp_path_factory):
    return programs_executorch.make_bundle(tmp_path_factory.mktemp("kotlin") / "crop.gfnet", programs.builtin_crop())


@pytest.fixture(scope="module")
def folder(recurrent, tmp_path_factory):
    return linked_copy(recurrent, tmp_path_factory.mktemp("kotlin") / "changed.gfnet")


@settings(MANY, max_examples=2000)
@given(st.data())
def test_a_mutated_manifest_is_refused_where_python_refuses_it(kotlin_says, recurrent, folder, data):
    manifest = mutated(json.loads((recurrent.folder / "manifest.json").read_text()), data)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert (kotlin_says(folder) == "opened") == python_opens(folder)


@settings(MANY, max_examples=1000)
@given(st.data())
def test_mutated_bytes_are_refused_where_python_refuses_them(kotlin_says, recurrent, folder, data):
    content = bytearray((recurrent.folder / "manifest.json").read_bytes())
    byte = st.integers(0, 255) | st.sampled_from(b'",:[]{} \n\t01e-\\')
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(byte)
    (folder / "manifest.json").write_bytes(content)
    assert (kotlin_says(folder) == "opened") == python_opens(folder)


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


def nearly_json(text):
    yield from (
        "",
        " ",
        "null",
        "[]",
        text + "x",
        text + "{}",
        text + " ",
        "\ufeff" + text,
        "\f" + text,
        text[:-1] + ",}",
    )
    yield from ("[" * 100_000, '{"a":' * 100_000, '{"registers":' + "[" * 100_000)
    for part, instead in NEARLY_JSON.items():
        assert part in text
        yield from (text.replace(part, one, 1) for one in instead)


def test_what_is_nearly_json_is_refused_where_python_refuses_it(kotlin_says, recurrent, folder):
    text = json.dumps(json.loads((recurrent.folder / "manifest.json").read_text()), ensure_ascii=False)
    texts = [one.encode() for one in nearly_json(text)]
    for changed in (*texts, text.encode("utf-16"), text.replace("class 0", "ÿ").encode("latin-1")):
        (folder / "manifest.json").write_bytes(changed)
        assert (kotlin_says(folder) == "opened") == python_opens(folder), changed[:200]


def test_names_may_be_any_text_and_the_identity_follows(kotlin_says, recurrent, folder):
    names = {"memory": "\uffee", "hidden": "😀", "feature": 'a\x7f"\\\n\t\b\f\r\x01é', "state": ""}
    text = json.dumps(json.loads((recurrent.folder / "manifest.json").read_text()))
    for name, odd in names.items():
        text = text.replace(json.dumps(name), json.dumps(odd))
    (folder / "manifest.json").write_text(json.dumps(resealed(json.loads(text))))
    assert python_opens(folder)
    assert kotlin_says(folder) == "opened"


def steps(m):
    return m["steps"]


def graph(m, name):
    return m["targets"]["executorch"]["graphs"][name]


RULES = [
    (lambda m: m.update(surprise=1), "surprise: unknown field"),
    (lambda m: m.update(schema_version=2, surprise=1), "newer gfnet-mobile (schema_version 2)"),
    (lambda m: m.pop("steps"), "steps: is missing"),
    (lambda m: m["registers"]["state"].update(initial="input"), "exactly one must have initial 'input', found 2"),
    (lambda m: m["registers"]["image"].update(shape=[1, 3, 9, 9]), "must be float32 [1, 3, 8, 8]"),
    (lambda m: m["registers"]["memory"].update(shape=[1, 2**26, 2**26]), "with at most"),
    (lambda m: m["registers"]["memory"].update(shape=[2, 7]), "must be [1, ...]"),
    (lambda m: m["preprocessing"].update(resize=7), "resize 7 is smaller than size 8"),
    (lambda m: steps(m)[1]["calls"].append(steps(m)[1]["calls"][0]), "calls one graph twice"),
    (lambda m: steps(m)[1]["calls"][0]["inputs"].update(state="no"), "names register 'no', which is not declared"),
    (lambda m: steps(m)[0]["calls"][0]["outputs"].update(state="feature"), "two outputs write one register"),
    (lambda m: steps(m)[0]["calls"][0]["outputs"].update(state="image"), "writes the input register 'image'"),
    (lambda m: steps(m)[0].update(logits="hidden"), "no call writes its logits 'hidden'"),
    (lambda m: steps(m)[1].update(logits="memory"), "must be float32 [1, K] with one K for all steps"),
    (lambda m: steps(m)[1].pop("patch_size"), "position and patch_size go together"),
    (lambda m: steps(m)[0].update(position="position", patch_size=4), "no call writes its position 'position'"),
    (lambda m: steps(m)[1].update(position="hidden"), "position must be int32 [1, 2]"),
    (lambda m: steps(m)[1].update(patch_size=9), "patch_size 9 is larger than the image"),
    (lambda m: m["targets"]["executorch"]["graphs"].pop("focus"), "graph 'focus' is missing"),
    (lambda m: m["targets"]["executorch"]["graphs"].update(more=graph(m, "focus")), "no step calls graph 'more'"),
    (lambda m: graph(m, "focus").update(path="executorch/none.pte"), "executorch/none.pte is not among the files"),
    (lambda m: graph(m, "focus").update(outputs=["feature"]), "its tensors are not those of the program's call"),
    (lambda m: graph(m, "focus").update(pictures=["patch"]), "only the image can be a picture"),
    (lambda m: m["targets"]["executorch"].update(probes="none.json"), "its probes are not among the files"),
    (lambda m: m["targets"]["executorch"].update(rules={"none": m["rules"]["margin"]}), "rule 'none' is not among"),
    (
        lambda m: m["targets"].update(other=m["targets"].pop("executorch")),
        "no target 'executorch'; the bundle has other",
    ),
    (lambda m: m["labels"].pop(), "4 for 5 classes"),
    (lambda m: m.update(multiply_adds=[1, 2]), "multiply_adds: not as many as there are steps"),
    (lambda m: m.update(default_rule="none"), "default_rule 'none' is not among the rules"),
    (lambda m: m["rules"]["margin"]["thresholds"].pop(), "and one threshold fewer"),
    (lambda m: m["rules"]["margin"]["temperature"].pop(), "must have a temperature for each of"),
    (lambda m: m["golden"].update(path="none"), "golden: none is not among the files"),
    (lambda m: m["golden"].update(path="../golden"), "leaves the bundle"),
    (lambda m: m.update(bundle_id="0" * 64), "bundle_id does not follow"),
]
CROP_RULES = [
    (lambda m: steps(m)[1]["calls"][1]["inputs"].pop("image"), "takes image and position and gives patch"),
    (lambda m: steps(m)[1]["calls"][1]["inputs"].update(position="hidden"), "needs an int32 [1, 2] position"),
    (lambda m: m["registers"]["patch"].update(shape=[1, 3, 9, 4]), "cannot cut"),
    (lambda m: m["registers"]["patch"].update(dtype="float16"), "cannot cut"),
]


@pytest.mark.parametrize(
    ("source", "change", "words"),
    [("recurrent", *rule) for rule in RULES] + [("cropping", *rule) for rule in CROP_RULES],
)
def test_manifests_that_make_no_sense_are_refused(kotlin_says, request, tmp_path, source, change, words):
    folder = linked_copy(request.getfixturevalue(source), tmp_path / "changed.gfnet")
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(resealed(manifest) if "bundle_id does" not in words else manifest))
    assert words in kotlin_says(folder)


def test_only_golden_vectors_may_be_left_out(kotlin_says, recurrent, tmp_path):
    folder = linked_copy(recurrent, tmp_path / "app.gfnet")
    (folder / "golden.safetensors").unlink()
    assert kotlin_says(folder) == "opened"
    file = folder / graph(recurrent.manifest.model_dump(), "focus")["path"]
    content = bytearray(file.read_bytes())
    file.unlink()
    assert "is not the file that was exported" in kotlin_says(folder)
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "is not the file that was exported" in kotlin_says(folder)
    file.unlink()
    file.symlink_to(recurrent.folder / file.relative_to(folder))
    assert "leaves the bundle" in kotlin_says(folder)
    (folder / "manifest.json").unlink()
    assert "is no bundle" in kotlin_says(folder)


def test_a_graph_that_is_no_program_says_so(kotlin_says, recurrent, tmp_path):
    folder = linked_copy(recurrent, tmp_path / "broken.gfnet")
    (folder / "executorch" / "focus.pte").unlink()
    (folder / "executorch" / "focus.pte").write_bytes(b"no program" * 100)
    write_manifest(folder, recurrent.manifest.model_dump())
    assert "ExecuTorch cannot load method 'forward'" in kotlin_says(folder)


def test_a_graph_that_gives_another_tensor_says_so(kotlin_says, recurrent, tmp_path):
    folder = linked_copy(recurrent, tmp_path / "other.gfnet")
    manifest = recurrent.manifest.model_dump()
    manifest["registers"]["logits"]["shape"] = (1, 6)
    write_manifest(folder, {**manifest, "labels": None})
    assert "graph 'exit': output 'logits' is FLOAT [1, 5], not FLOAT [1, 6]" in kotlin_says(folder)
