"""Evaluation of checkpoints and bundles: each data set runs once, broken pictures are reported, wrong data refused."""

import json

import numpy as np
import pytest
from networks import small_network
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from export.bundle import export_bundle
from gfnet_mobile.cli.app import main
from gfnet_mobile.data.labels import labelled
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import sha256
from gfnet_mobile.measure import answers as answers_module
from gfnet_mobile.measure.cost import multiply_adds
from gfnet_mobile.measure.evaluate import budget_curve, top
from gfnet_mobile.measure.logits import LogitsWriter, read_logits
from gfnet_mobile.models.checkpoint import load_checkpoint, save_checkpoint

CLASSES = ("ant", "bee", "cat", "dog", "elk")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    save_checkpoint(small_network(policy="conv", head="recurrent"), path)
    return path


@pytest.fixture(scope="module")
def bundle(checkpoint):
    return export_bundle(checkpoint, ["onnx"], checkpoint.parent).folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for name in CLASSES:
        (folder / name).mkdir()
        for number in range(24):
            pixels = random.integers(0, 256, (8, 10, 3), np.uint8)
            Image.fromarray(pixels).resize((120, 96)).save(folder / name / f"{number}.png")
    return folder


def evaluate(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return code, json.loads(out) if code == 0 else err.splitlines()[-1]


def test_checkpoint_and_bundle_say_the_same(checkpoint, bundle, data, capsys):
    reports = [evaluate(capsys, model, "--data", data, "--workers", 2) for model in (checkpoint, bundle)]
    (code, eager), (_, onnx) = reports
    assert code == 0
    assert eager["count"] == onnx["count"] == 120
    assert eager["top1"] == pytest.approx(onnx["top1"], abs=0.01)
    assert eager["checkpoint"] == onnx["checkpoint"] == sha256(checkpoint)
    assert eager["multiply_adds"] == onnx["multiply_adds"] == list(multiply_adds(load_checkpoint(checkpoint)))
    assert len(eager["budgets"]) == 39
    assert sum(eager["budgets"][7]["share"]) == pytest.approx(1)


def test_logits_are_kept_and_nothing_is_run_again(bundle, data, tmp_path, capsys, monkeypatch):
    kept = tmp_path / "kept.safetensors"
    _, first = evaluate(capsys, bundle, "--data", data, "--logits", kept)
    with safe_open(kept, "np") as file:
        assert file.metadata()["model"] == first["checkpoint"]
        assert file.get_tensor("logits").shape == (120, 3, 5) and file.get_tensor("labels").dtype == np.int64
    monkeypatch.setattr(answers_module, "bundle_answers", lambda *arguments: pytest.fail("was run again"))
    assert evaluate(capsys, bundle, "--logits", kept) == (0, first)
    assert evaluate(capsys, bundle, "--data", data, "--logits", kept) == (0, first)


def test_a_stopped_run_goes_on_where_it_was(bundle, data, tmp_path, capsys, monkeypatch):
    kept, ran = tmp_path / "kept.safetensors", []
    whole = answers_module.bundle_answers

    def stopping(*arguments):
        for count, answer in enumerate(whole(*arguments)):
            if count == 40:
                raise KeyboardInterrupt
            ran.append(answer[0])
            yield answer

    monkeypatch.setattr(answers_module, "bundle_answers", stopping)
    assert main(["evaluate", str(bundle), "--data", str(data), "--logits", str(kept)]) == 130
    assert not kept.exists() and len(ran) == 40
    monkeypatch.setattr(answers_module, "bundle_answers", lambda b, t, p, wanted, w: whole(b, t, p, wanted, w))
    _, resumed = evaluate(capsys, bundle, "--data", data, "--logits", kept)
    monkeypatch.setattr(answers_module, "bundle_answers", whole)
    _, straight = evaluate(capsys, bundle, "--data", data)
    assert resumed == straight
    assert [path.name for path in tmp_path.iterdir()] == ["kept.safetensors"]


def test_a_stopped_run_only_runs_what_is_missing(tmp_path):
    labels = np.arange(4)
    writer = LogitsWriter(tmp_path / "l", labels, 2, 3, {"model": "m"})
    writer.write(2, np.ones((2, 3), np.float32))
    writer.write(1, None)
    again = LogitsWriter(tmp_path / "l", labels, 2, 3, {"model": "m"})
    assert again.missing() == [0, 1, 3] and again.unreadable() == [1]
    for index in again.missing():
        again.write(index, np.full((2, 3), index, np.float32))
    found = again.finish()
    assert found.labels.tolist() == [0, 1, 2, 3] and found.logits[:, 0, 0].tolist() == [0, 1, 1, 3]


def test_a_few_broken_pictures_are_left_out_and_named_many_are_an_error(bundle, data, tmp_path, capsys):
    folder = tmp_path / "data"
    for file in sorted(data.rglob("*.png")):
        copy = folder / file.relative_to(data)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    (folder / "bee" / "0.png").write_bytes(b"no picture")
    code, report = evaluate(capsys, bundle, "--data", folder, "--logits", tmp_path / "l.safetensors")
    assert (code, report["count"], report["unreadable"]) == (0, 119, ["bee/0.png"])
    assert len(load_file(tmp_path / "l.safetensors")["labels"]) == 119
    (folder / "bee" / "1.png").write_bytes(b"")
    code, line = evaluate(capsys, bundle, "--data", folder)
    assert code == 2 and "2 of 120 pictures cannot be read, the first is bee/0.png" in line


def test_limit_draws_the_same_pictures_each_time(bundle, data, capsys):
    reports = [evaluate(capsys, bundle, "--data", data, "--limit", 30)[1] for _ in range(2)]
    assert reports[0] == reports[1]
    assert reports[0]["count"] == 30 and reports[0]["budgets"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give either --data FOLDER or --scenes COUNT"),
        (["--data", "d", "--scenes", "3"], "give either --data FOLDER or --scenes COUNT"),
        (["--data", "nowhere"], "nowhere: no such folder"),
        (["--scenes", "3", "--rule", "x"], "no exit rule 'x'"),
        (["--scenes", "3", "--target", "coreml"], "no target 'coreml'"),
        (
            ["--scenes", "3", "--scene-size", "96"],
            "--scene-size 96: 224 to 896 pixels; a smaller network takes them smaller",
        ),
        (["--scenes", "3", "--limit", "0"], "limit 0"),
        (["--scenes", "3", "--workers", "-1"], "workers -1"),
        (["--logits", "nowhere"], "nowhere: no such file"),
    ],
)
def test_bad_arguments_are_one_line(bundle, arguments, message, capsys):
    code, line = evaluate(capsys, bundle, *arguments)
    assert code == 2 and message in line


def test_folders_that_do_not_fit_the_classes_are_refused(bundle, data, tmp_path, capsys):
    for name in ("ant", "bee", "fox"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (9, 9)).save(tmp_path / name / "0.png")
    code, line = evaluate(capsys, bundle, "--data", tmp_path)
    assert code == 2 and "class folder 'fox' is none of the network's labels" in line
    for old, new in (("ant", "n01"), ("bee", "n02"), ("fox", "n03")):
        (tmp_path / old).rename(tmp_path / new)
    code, line = evaluate(capsys, bundle, "--data", tmp_path)
    assert code == 2 and "3 class folders, but the network has 5 classes" in line


def test_logits_of_another_model_are_refused(bundle, data, tmp_path, capsys):
    kept = tmp_path / "kept.safetensors"
    evaluate(capsys, bundle, "--data", data, "--logits", kept)
    tensors = load_file(kept)
    save_file(tensors, kept, {"model": "0" * 64, "target": "onnx", "data": ""})
    code, line = evaluate(capsys, bundle, "--logits", kept)
    assert code == 2 and "logits of another model" in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(3, np.int64)}, "must be"),
        ({"logits": np.full((4, 2, 3), np.nan, np.float32)}, "not finite"),
        ({"logits": np.zeros((4, 2, 3), np.float64)}, "must be"),
    ],
)
def test_a_file_that_holds_no_logits_is_refused(tmp_path, change, message):
    tensors = {"logits": np.zeros((4, 2, 3), np.float32), "labels": np.zeros(4, np.int64)}
    save_file(tensors | change, tmp_path / "l", {"model": "m"})
    with pytest.raises(UserError, match=message):
        read_logits(tmp_path / "l")


def test_top_5_counts_the_five_largest():
    logits = np.arange(12, dtype=np.float32).reshape(1, 1, 12).repeat(12, axis=0)
    labels = np.arange(12)
    assert top(logits, labels, 1) == (pytest.approx(1 / 12),)
    assert top(logits, labels, 5) == (pytest.approx(5 / 12),)


def test_a_tie_is_right_only_where_the_answer_is():
    logits = np.zeros((3, 1, 3), np.float32)
    assert top(logits, np.arange(3), 1) == (pytest.approx(1 / 3),)
    assert top(logits, np.arange(3), 2) == (pytest.approx(2 / 3),)


def test_a_budget_between_the_ends_costs_something_between():
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 2000)
    logits = random.normal(size=(2000, 3, 10)).astype(np.float32)
    logits[np.arange(2000), :, labels] += np.array([1, 2, 3], np.float32)
    curve = budget_curve(logits, labels, [1, 2, 3])
    costs = [budget.cost for budget in curve]
    assert costs[0] == 1 and 2.3 < costs[-1] < 3
    assert np.abs(np.array(costs) - np.minimum(np.linspace(1, 3, 39), costs[-1])).max() < 0.1
    assert curve[0].accuracy < curve[19].accuracy < curve[-1].accuracy


def test_multiply_adds_of_a_known_network():
    """MobileNet-V3-Large: 219 million at 224 pixels (its paper, table 3)."""
    static = small_network(steps=1, image=224, patch=224, backbone="mobilenetv3_large_100")
    assert multiply_adds(static)[0] / 1e6 == pytest.approx(219, rel=0.02)


def test_labels_from_a_file_must_be_one_a_class(tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\n e \n")
    assert labelled(small_network(), tmp_path / "labels.txt").config.labels == ("a", "b", "c", "d", "e")
    (tmp_path / "labels.txt").write_text("a\nb\n\nd\ne\n")
    with pytest.raises(UserError, match="4 names for 5 classes"):
        labelled(small_network(), tmp_path / "labels.txt")
    with pytest.raises(UserError, match="cannot be read as text"):
        labelled(small_network(), tmp_path / "nowhere.txt")
