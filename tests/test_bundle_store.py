"""A bundle opens whole and unchanged, or is refused in one line that says why."""

import json
import shutil

import numpy as np
import programs
import pytest

from gfnet_mobile.bundle.golden import read_golden
from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.runtimes import open_runtime


@pytest.fixture
def folder(recurrent_bundle, tmp_path):
    """A copy to damage."""
    return shutil.copytree(recurrent_bundle.folder, tmp_path / "tiny.gfnet")


def edited(folder, change):
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def refused(folder, message):
    with pytest.raises(UserError, match=message) as error:
        open_bundle(folder)
    assert "\n" not in str(error.value)


def test_a_bundle_opens_as_it_was_written(recurrent_bundle):
    bundle = open_bundle(recurrent_bundle.folder)
    assert bundle == recurrent_bundle
    bundle.check_files("onnx")
    assert bundle.manifest.graphs == ("glance", "exit", "policy", "focus")
    assert bundle.manifest.image == "image" and bundle.manifest.classes == programs.K


def test_two_exports_have_one_identity(recurrent_bundle, tmp_path):
    assert programs.make_bundle(tmp_path / "again.gfnet", programs.recurrent()).manifest == recurrent_bundle.manifest


def test_new_rules_keep_the_identity_and_another_program_does_not(recurrent_bundle, folder, tmp_path):
    draft = recurrent_bundle.manifest.model_dump()
    draft["rules"]["default"]["thresholds"] = [0.1, None]
    draft["labels"] = None
    assert write_manifest(folder, draft).bundle_id == recurrent_bundle.manifest.bundle_id
    assert open_bundle(folder).manifest.rules["default"].thresholds == (0.1, None)
    draft["preprocessing"]["resize"] += 1
    assert write_manifest(folder, draft).bundle_id != recurrent_bundle.manifest.bundle_id


def test_a_target_may_have_rules_of_its_own(recurrent_bundle, folder):
    draft = recurrent_bundle.manifest.model_dump()
    found_anew = {**draft["rules"]["default"], "thresholds": [0.2, None]}
    draft["targets"]["onnx"]["rules"] = {"default": found_anew}
    manifest = write_manifest(folder, draft)
    assert manifest.bundle_id == recurrent_bundle.manifest.bundle_id
    assert manifest.rules_of("onnx")["default"].thresholds == (0.2, None)
    assert manifest.rules_of("onnx")["margin"] == manifest.rules["margin"]
    with Session(open_bundle(folder)) as session:
        threshold = session.stopping()
        glance = next(session.steps(from_pixels(programs.golden_images()[0])))
        assert threshold(glance) == (glance.confidence >= 0.2)
    draft["targets"]["onnx"]["rules"] = {"unheard of": found_anew}
    with pytest.raises(UserError, match="rule 'unheard of' is not among the bundle's"):
        write_manifest(folder, draft)


def test_missing_or_broken_manifests_are_refused(folder, tmp_path):
    refused(tmp_path / "none", "no such bundle")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "is no bundle")
    manifest = folder / "manifest.json"
    whole = manifest.read_text()
    for text in (whole[:1000], "", "[]", "null", "{}", "[" * 100_000, '{"name": "\\ud800"}'):
        manifest.write_text(text)
        refused(folder, "manifest.json: ")
    manifest.write_bytes(b"\xff\xfe")
    refused(folder, "manifest.json: ")
    manifest.write_text(whole + " " * 16_000_000)
    refused(folder, "no manifest")


def test_a_manifest_from_the_future_asks_for_an_update(folder):
    edited(folder, lambda manifest: manifest.update(schema_version=2, something_new={}))
    refused(folder, "newer gfnet-mobile .*update it")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update(surprise=1), "surprise: unknown field"),
        (lambda m: m.pop("steps"), "steps: "),
        (lambda m: m["preprocessing"].update(size="8"), "preprocessing.size: "),
        (lambda m: m["rules"]["default"].update(measure="hunch"), "rules.default.measure: "),
        (lambda m: m["rules"]["default"]["thresholds"].pop(), "1 thresholds for 3 steps"),
        (lambda m: m["rules"]["default"]["thresholds"].append(0.5), "3 thresholds for 3 steps"),
        (lambda m: m["steps"][1]["calls"][0]["inputs"].update(image="nowhere"), "'nowhere', which is not declared"),
        (lambda m: m["steps"][1]["calls"].append(m["steps"][1]["calls"][0]), "calls one graph twice"),
        (lambda m: m["registers"]["memory"].update(shape=[2**40, 7]), "at most"),
        (lambda m: m["golden"].update(path="../golden.safetensors"), "leaves the bundle"),
        (lambda m: m["golden"].update(path="/etc/passwd"), "leaves the bundle"),
        (lambda m: m["targets"]["onnx"]["graphs"].pop("focus"), "graph 'focus' is missing"),
        (lambda m: m["files"].pop("onnx/focus.onnx"), "onnx/focus.onnx is not among the files"),
        (lambda m: m.update(bundle_id="0" * 64), "bundle_id does not follow"),
        (lambda m: m["files"]["onnx/focus.onnx"].update(sha256="0" * 64), "bundle_id does not follow"),
    ],
)
def test_manifests_that_make_no_sense_are_refused(folder, change, message):
    edited(folder, change)
    refused(folder, message)


def test_a_missing_graph_is_named(folder):
    (folder / "onnx/focus.onnx").unlink()
    refused(folder, "focus.onnx: missing")


def test_a_link_out_of_the_bundle_is_refused(folder, tmp_path):
    shutil.move(folder / "onnx/focus.onnx", tmp_path / "focus.onnx")
    (folder / "onnx/focus.onnx").symlink_to(tmp_path / "focus.onnx")
    refused(folder, "leaves the bundle")


def test_a_changed_graph_is_found_before_it_is_loaded(folder):
    path = folder / "onnx/focus.onnx"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"focus.onnx: is not the file that was exported"):
        open_runtime(open_bundle(folder), "onnx")


def test_changed_golden_vectors_are_found_before_they_are_used(folder):
    path = folder / "golden.safetensors"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match=r"golden.safetensors: is not the file"):
        read_golden(open_bundle(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop("1.policy.patch"), "'1.policy.patch' is missing"),
        (lambda tensors: tensors.update({"0.exit.logits": np.zeros((4, 9), np.float32)}), "must be float32"),
    ],
)
def test_golden_vectors_that_do_not_fit_the_program_are_refused(recurrent_bundle, folder, change, message):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(folder / "golden.safetensors")
    change(tensors)
    save_file(tensors, folder / "golden.safetensors")
    write_manifest(folder, recurrent_bundle.manifest.model_dump())
    with pytest.raises(UserError, match=message):
        read_golden(open_bundle(folder))
