"""``export --compress … --calibration``: exit rules are found anew, the report says what it cost; all or nothing."""

import contextlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from networks import small_network
from PIL import Image
from torch import nn

import export.bundle
import export.calibration
from export.bundle import export_bundle
from export.graphs import graphs_of
from export.program import registers_of, steps_of
from gfnet_mobile.bundle.manifest import Call, ExitRule
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import softmax
from gfnet_mobile.measure.answers import eager_subject
from gfnet_mobile.measure.data_set import folder_set
from gfnet_mobile.models.checkpoint import Checkpoint, read_checkpoint, save_checkpoint

CLASSES = ("ant", "bee", "cat", "dog", "elk")
EACH = 4
COUNT = EACH * len(CLASSES)
FEWER = 10


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, pictures):
    """Half of the pictures leave at the glance."""
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    network = small_network(policy="conv", head="recurrent", steps=2)
    save_checkpoint(network, path)
    eager = eager_subject(read_checkpoint(path))
    logits = np.stack([answer[0] for _, answer in eager.answers(sorted(pictures.rglob("*.png")), range(COUNT), 1)])
    threshold = float(np.median(softmax(logits).max(axis=1)))
    rule = ExitRule(measure="max_softmax", temperature=(1, 1), thresholds=(threshold,))
    save_checkpoint(network, path, {"default": rule})
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


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """A network of one step."""
    path = tmp_path_factory.mktemp("static") / "static.safetensors"
    save_checkpoint(small_network(steps=1, image=64, patch=64), path)
    return path


@pytest.fixture(scope="module")
def exported(checkpoint, pictures, tmp_path_factory):
    """One export of two targets, each in its own form: what was printed, and the manifest."""
    folder = tmp_path_factory.mktemp("bundles")
    targets = ["--target", "onnx", "--target", "coreml", "--compress", "onnx:int8", "--compress", "coreml:palette4"]
    arguments = [str(checkpoint), *targets, "--calibration", str(pictures), "--output", str(folder)]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(export.calibration, "INTERPRETED_IMAGES", FEWER)
        assert main(["export", *arguments]) == 0
    return printed.getvalue(), open_bundle(folder / "small-recurrent-2.gfnet").manifest


def run(capsys, *arguments):
    """Exit code, stdout, stderr."""
    code = main(["export", *map(str, arguments)])
    return code, *capsys.readouterr()


def lines(out, *beginnings):
    return [line for line in out.splitlines() if line.strip().startswith(beginnings)]


def test_each_compressed_target_gets_rules_of_its_own(exported):
    _, manifest = exported
    whole = manifest.rules["default"]
    assert whole.calibration is None
    for target in ("onnx", "coreml"):
        rule = manifest.targets[target].rules["default"]
        assert rule.thresholds != whole.thresholds
        assert (rule.measure, rule.temperature) == (whole.measure, whole.temperature)


def test_the_manifest_says_on_what_they_were_found_and_an_interpreted_target_sees_fewer(exported):
    _, manifest = exported
    found = {name: target.rules["default"].calibration.data for name, target in manifest.targets.items()}
    assert found == {"onnx": f"{COUNT} pictures of photos", "coreml": f"{FEWER} of {COUNT} pictures of photos"}


def test_the_report_says_what_compression_cost(exported):
    out, _ = exported
    assert f"onnx, int8: accuracy on {COUNT} pictures of photos" in out
    assert f"coreml, palette4: accuracy on {FEWER} of {COUNT} pictures of photos" in out
    before, old, new = (lines(out, name) for name in ("float32", "compressed", "with thresholds of its own"))
    assert len(before) == len(old) == len(new) == 2
    for row in (*before, *old, *new):
        assert row.count("%") == 3 and row.rstrip().endswith("steps")
    for one, another in zip(before, new, strict=True):
        assert one.split("after")[1] == another.split("after")[1]  # mean steps
    assert "compression moves confidences" not in out


def test_as_many_images_leave_as_before_and_a_target_that_is_not_compressed_keeps_its_rules(
    checkpoint, pictures, tmp_path
):
    found = []
    arguments = {"compress": {"": "fp16", "coreml:": "none"}, "calibration": pictures, "compressed": found.append}
    bundle = export_bundle(checkpoint, ["onnx", "coreml"], tmp_path, **arguments)
    (one,) = found
    assert (one.target, one.count, one.rules) == ("onnx", COUNT, bundle.manifest.targets["onnx"].rules)
    assert one.new.share == one.before.share == (0.5, 0.5)
    assert bundle.manifest.targets["coreml"].rules == {}


def test_where_a_form_needs_no_pictures_they_change_nothing_but_the_rules(checkpoint, pictures, tmp_path):
    plain = export_bundle(checkpoint, ["onnx"], tmp_path / "plain", compress={"": "fp16"})
    bundle = export_bundle(checkpoint, ["onnx"], tmp_path, compress={"": "fp16"}, calibration=pictures)
    assert bundle.manifest.bundle_id == plain.manifest.bundle_id
    assert plain.manifest.targets["onnx"].rules == {}
    assert bundle.manifest.targets["onnx"].rules != {}


def test_8_bit_programs_for_executorch_come_from_pictures(static, pictures, tmp_path, capsys):
    arguments = ["--target", "executorch", "--compress", "int8", "--calibration", pictures, "--output", tmp_path]
    code, out, _ = run(capsys, static, *arguments)
    assert code == 0 and f"executorch, int8: accuracy on {COUNT} pictures of photos" in out


def test_scenes_of_the_demo_task_serve_too():
    data = export.calibration.calibration_set(12, eager_subject(read_checkpoint("demo")))
    assert len(data.pictures) == len(data.labels) == len(set(data.names)) == 12
    assert data.title == "validation scenes, seed 2"


def test_without_pictures_one_line_says_that_thresholds_are_old(checkpoint, tmp_path, capsys):
    code, out, _ = run(capsys, checkpoint, "--target", "onnx", "--compress", "fp16", "--output", tmp_path)
    assert code == 0
    assert lines(out, "onnx: ") == [
        "onnx: compression moves confidences, thresholds are still those of float32: "
        "give --calibration FOLDER to find new ones"
    ]
    assert open_bundle(tmp_path / "small-recurrent-2.gfnet").manifest.targets["onnx"].rules == {}


def test_where_there_are_no_thresholds_none_are_old(static, tmp_path, capsys):
    arguments = ["--target", "onnx", "--compress", "fp16", "--output", tmp_path]
    code, out, _ = run(capsys, static, *arguments)
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
    assert message in err and len(err.strip().splitlines()) == 1
    assert not output.exists()


def test_what_fails_while_rules_are_found_leaves_the_older_bundle(static, pictures, tmp_path, monkeypatch):
    folder = export_bundle(static, ["onnx"], tmp_path).folder
    older = json.loads((folder / "manifest.json").read_text())

    def broken(*arguments):
        raise UserError("21 of 40 pictures cannot be read")

    monkeypatch.setattr(export.bundle, "recalibrated", broken)
    with pytest.raises(UserError, match="21 of 40"):
        export_bundle(static, ["onnx"], tmp_path, compress={"": "int8"}, calibration=pictures)
    assert json.loads((folder / "manifest.json").read_text()) == older
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


class _Places(nn.Module):
    """A policy without its crop."""

    def __init__(self, policy):
        super().__init__()
        self.policy = policy

    def forward(self, *inputs):
        return self.policy(*inputs)[1:]


def test_graphs_see_what_they_get_also_where_the_runner_cuts_the_patch(pictures):
    network = small_network(policy="conv", head="recurrent")
    graphs = graphs_of(network)
    steps = steps_of(network.config, graphs)
    registers = registers_of(network, steps)
    data = folder_set(pictures, eager_subject(Checkpoint(network, {}, "")))
    whole = export.calibration.with_samples(graphs, registers, steps, network.config, data)

    places = [
        replace(graph, module=_Places(graph.module), outputs=graph.outputs[1:]) if graph.name == "policy" else graph
        for graph in graphs
    ]
    cut = Call(graph="crop", inputs={"image": "image", "position": "position"}, outputs={"patch": "patch"})
    apart = [
        step if step.position is None else step.model_copy(update={"calls": _with_crop(step.calls, cut)})
        for step in steps
    ]
    found = export.calibration.with_samples(places, registers, apart, network.config, data)
    for one, another in zip(whole, found, strict=True):
        assert len(one.samples) == COUNT * {"glance": 1, "policy": 2, "focus": 2, "exit": 3}[one.name]
        for sample, same in zip(one.samples, another.samples, strict=True):
            assert all(torch.equal(value, same[tensor]) for tensor, value in sample.items()), one.name


def _with_crop(calls, cut):
    policy = calls[0].model_copy(update={"outputs": {t: r for t, r in calls[0].outputs.items() if t != "patch"}})
    return (policy, cut, *calls[1:])
