"""``export --compress … --calibration``: exit rules are found anew, the report says what it cost; all or nothing."""

import json

import numpy as np
import pytest
from networks import small_network
from PIL import Image

import export.bundle
import export.calibration
from export.bundle import export_bundle
from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError
from gfnet_mobile.models.checkpoint import save_checkpoint

CLASSES = ("ant", "bee", "cat", "dog", "elk")
EACH = 4
COUNT = EACH * len(CLASSES)
RULE = ExitRule(measure="max_softmax", temperature=(1, 1), thresholds=(0.3,))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    save_checkpoint(small_network(policy="conv", head="recurrent", steps=2), path, {"default": RULE})
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "photos"
    random = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(EACH):
            pixels = random.integers(0, 256, (8, 10, 3), np.uint8)
            Image.fromarray(pixels).resize((120, 96)).save(folder / name / f"{number}.png")
    return folder


def run(capsys, *arguments):
    """Exit code, stdout, stderr."""
    code = main(["export", *map(str, arguments)])
    return code, *capsys.readouterr()


def lines(out, *beginnings):
    return [line for line in out.splitlines() if line.strip().startswith(beginnings)]


def test_each_compressed_target_gets_rules_of_its_own_and_a_report(checkpoint, pictures, tmp_path, capsys):
    forms = ["--target", "onnx", "--target", "coreml", "--compress", "onnx:int8", "--compress", "coreml:palette4"]
    code, out, err = run(capsys, checkpoint, *forms, "--calibration", pictures, "--output", tmp_path)
    assert (code, err.strip()) == (0, "")
    manifest = open_bundle(tmp_path / "small-recurrent-2.gfnet").manifest
    assert manifest.rules == {"default": RULE}
    for target, form in (("onnx", "int8"), ("coreml", "palette4")):
        rule = manifest.targets[target].rules["default"]
        assert rule.thresholds != RULE.thresholds
        assert rule.calibration.data == f"{COUNT} pictures of photos"
        assert f"{target}, {form}: accuracy on {COUNT} pictures of photos" in out
    before, old, new = (lines(out, name) for name in ("float32", "compressed", "with thresholds of its own"))
    assert len(before) == len(old) == len(new) == 2
    for row in (*before, *old, *new):
        assert row.count("%") == 3 and row.rstrip().endswith("steps")
    for one, another in zip(before, new, strict=True):
        assert one.split("after")[1] == another.split("after")[1]  # mean steps
    assert "compression moves confidences" not in out


def test_new_rules_let_as_many_images_leave_and_the_bundle_stays_the_same_network(checkpoint, pictures, tmp_path):
    found = []
    arguments = {"compress": {"": "palette4"}, "calibration": pictures, "compressed": found.append}
    bundle = export_bundle(checkpoint, ["coreml"], tmp_path, **arguments)
    plain = export_bundle(checkpoint, ["coreml"], tmp_path / "plain", compress={"": "palette4"})
    (one,) = found
    assert (one.target, one.count, one.rules) == ("coreml", COUNT, bundle.manifest.targets["coreml"].rules)
    assert one.new.share == one.before.share
    assert bundle.manifest.bundle_id == plain.manifest.bundle_id
    assert plain.manifest.targets["coreml"].rules == {}


def test_a_target_that_is_not_compressed_keeps_the_rules(checkpoint, pictures, tmp_path, capsys):
    targets = ["--target", "onnx", "--target", "coreml", "--compress", "coreml:int8"]
    code, out, _ = run(capsys, checkpoint, *targets, "--calibration", pictures, "--output", tmp_path)
    manifest = open_bundle(tmp_path / "small-recurrent-2.gfnet").manifest
    assert code == 0 and "onnx, " not in out
    assert manifest.targets["onnx"].rules == {}
    assert list(manifest.targets["coreml"].rules) == ["default"]


def test_an_interpreted_target_is_seen_on_some_of_the_pictures(checkpoint, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(export.calibration, "INTERPRETED_IMAGES", 10)
    found = []
    arguments = {"compress": {"": "int8"}, "calibration": pictures, "compressed": found.append}
    export_bundle(checkpoint, ["onnx", "coreml"], tmp_path, **arguments)
    used = {one.target: (one.count, one.rules["default"].calibration.data) for one in found}
    assert used["onnx"] == (COUNT, f"{COUNT} pictures of photos")
    assert used["coreml"] == (10, f"10 of {COUNT} pictures of photos")


def test_8_bit_programs_for_executorch_come_from_pictures(checkpoint, pictures, tmp_path, capsys):
    arguments = [checkpoint, "--target", "executorch", "--compress", "int8", "--output", tmp_path]
    code, _, err = run(capsys, *arguments)
    assert code == 2 and "give --calibration FOLDER" in err
    code, _, _ = run(capsys, *arguments, "--calibration", pictures)
    assert code == 0
    assert open_bundle(tmp_path / "small-recurrent-2.gfnet").manifest.targets["executorch"].compression == "int8"


def test_scenes_of_the_demo_task_serve_too(tmp_path, capsys):
    arguments = ["--target", "onnx", "--compress", "fp16", "--calibration-scenes", 12, "--output", tmp_path]
    code, out, _ = run(capsys, "demo", *arguments)
    assert code == 0 and "onnx, fp16: accuracy on 12 validation scenes, seed 2" in out


def test_without_pictures_one_line_says_that_thresholds_are_old(checkpoint, tmp_path, capsys):
    code, out, _ = run(capsys, checkpoint, "--target", "onnx", "--compress", "fp16", "--output", tmp_path)
    assert code == 0
    assert lines(out, "onnx: ") == [
        "onnx: compression moves confidences, thresholds are still those of float32: "
        "give --calibration FOLDER to find new ones"
    ]
    assert open_bundle(tmp_path / "small-recurrent-2.gfnet").manifest.targets["onnx"].rules == {}


def test_where_there_are_no_thresholds_none_are_old(tmp_path, capsys):
    save_checkpoint(small_network(policy="conv", head="recurrent", steps=2), tmp_path / "small.safetensors")
    arguments = ["--target", "onnx", "--compress", "fp16", "--output", tmp_path]
    code, out, _ = run(capsys, tmp_path / "small.safetensors", *arguments)
    assert code == 0 and "thresholds" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--calibration", "{data}", "--calibration-scenes", "5"],
            "either --calibration FOLDER or --calibration-scenes",
        ),
        (["--calibration", "{data}", "--compress", "none"], "--calibration: is for graphs that are compressed"),
        (["--calibration", "{data}/nowhere"], "nowhere: no such folder; class folders belong there"),
        (["--calibration", "{data}/ant"], "ant: 0 class folders; at least two are needed"),
        (["--calibration", "{other}"], "class folder 'fox' is none of the network's labels"),
        (["--calibration", "{broken}"], "pictures cannot be read"),
        (["--calibration-scenes", "0"], "--calibration-scenes 0: must be at least 1"),
        (["--calibration-scenes", "20"], "--calibration-scenes: scenes have 10 classes, the network 5"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(checkpoint, pictures, arguments, message, tmp_path, capsys):
    (tmp_path / "other" / "fox").mkdir(parents=True)
    for number, name in enumerate(("ant", "bee")):
        (tmp_path / "other" / name).mkdir()
        (tmp_path / "broken" / name).mkdir(parents=True)
        (tmp_path / "broken" / name / f"{number}.png").write_bytes(b"no picture")
        Image.new("RGB", (100, 100)).save(tmp_path / "other" / name / "picture.png")
    places = {"data": pictures, "other": tmp_path / "other", "broken": tmp_path / "broken"}
    filled = [argument.format(**places) for argument in arguments]
    form = [] if "--compress" in filled else ["--compress", "int8"]
    output = tmp_path / "bundles"
    code, out, err = run(capsys, checkpoint, "--target", "onnx", *form, *filled, "--output", output)
    assert (code, out) == (2, "")
    assert message in err and len(err.splitlines()) == 1
    assert not output.exists()


def test_what_fails_while_rules_are_found_leaves_the_older_bundle(checkpoint, pictures, tmp_path, monkeypatch):
    folder = export_bundle(checkpoint, ["onnx"], tmp_path).folder
    older = json.loads((folder / "manifest.json").read_text())

    def broken(*arguments):
        raise UserError("21 of 40 pictures cannot be read")

    monkeypatch.setattr(export.bundle, "recalibrated", broken)
    with pytest.raises(UserError, match="21 of 40"):
        export_bundle(checkpoint, ["onnx"], tmp_path, compress={"": "int8"}, calibration=pictures)
    assert json.loads((folder / "manifest.json").read_text()) == older
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
