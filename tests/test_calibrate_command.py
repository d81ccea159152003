"""``gfnet-mobile calibrate``: rules go into the bundle, or one line says why not and nothing changes."""

import json
import re
import shutil

import numpy as np
import programs
import pytest
from calibration_data import network
from safetensors.numpy import save_file

from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.cli.app import main
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.results import append_results


@pytest.fixture(scope="module")
def results(recurrent_bundle):
    return bench(recurrent_bundle, ["onnx"], rounds=30, warmup=1)


@pytest.fixture
def place(recurrent_bundle, results, tmp_path):
    """A folder with a bundle, its logits and its latencies."""
    shutil.copytree(recurrent_bundle.folder, tmp_path / "tiny.gfnet")
    write_logits(tmp_path)
    append_results(tmp_path / "results.jsonl", results)
    return tmp_path


def write_logits(place, change=lambda logits, labels: (logits, labels), **metadata):
    cached = network(0, 300, 3, programs.K, leap=0.3)
    logits, labels = change(cached.logits, cached.labels)
    tensors = {"logits": np.ascontiguousarray(logits), "labels": labels}
    save_file(tensors, place / "val.logits", {**cached.metadata, **metadata})


def run(capfd, place, *options, goal=("--max-loss", "5")):
    """Exit code, stdout, stderr."""
    files = ("--logits", place / "val.logits", "--latency", place / "results.jsonl")
    arguments = ["calibrate", place / "tiny.gfnet", *files, *goal, *options]
    return main([str(argument) for argument in arguments]), *capfd.readouterr()


def manifest(place):
    return (place / "tiny.gfnet" / "manifest.json").read_bytes()


def test_the_rule_is_in_the_bundle_which_stays_the_same_network(capfd, place, picture):
    before = open_bundle(place / "tiny.gfnet").manifest
    code, out, err = run(capfd, place, "--name", "fast")
    assert (code, err) == (0, "") and "rule fast, max loss 5 points" in out and "95 % interval" in out
    bundle = open_bundle(place / "tiny.gfnet")
    after = bundle.manifest
    assert (after.bundle_id, after.files, after.default_rule) == (before.bundle_id, before.files, "default")
    rule = after.rules_of("onnx")["fast"]
    assert rule.calibration.data == "300 images, val.logits" and rule.calibration.data_hash == "d" * 64
    assert rule.calibration.mean_ms > 0 and len(rule.step_ms) == 3
    with Session(bundle) as session:
        assert session.classify(picture, rule="fast", deadline_ms=1e-6).index == 0


def test_other_targets_get_the_thresholds_but_no_milliseconds(capfd, place):
    run(capfd, place, "--name", "fast", "--default")
    after = open_bundle(place / "tiny.gfnet").manifest
    own, general = after.targets["onnx"].rules["fast"], after.rules["fast"]
    assert after.default_rule == "fast" and own.thresholds == general.thresholds
    assert general.calibration.mean_ms is general.calibration.device is general.calibration.step_ms is None
    assert general.calibration.accuracy == own.calibration.accuracy


def test_a_compressed_targets_rule_is_its_own(capfd, place):
    draft = open_bundle(place / "tiny.gfnet").manifest.model_dump()
    for graph in draft["targets"]["onnx"]["graphs"].values():
        graph["compression"] = "int8"
    write_manifest(place / "tiny.gfnet", draft)
    code, _, err = run(capfd, place, "--name", "default")
    assert code == 2 and "logits of eager are not those of onnx" in err
    write_logits(place, target="onnx")
    assert run(capfd, place, "--name", "default")[0] == 0
    after = open_bundle(place / "tiny.gfnet").manifest
    assert after.rules["default"].thresholds == (0.9, 0.9) != after.targets["onnx"].rules["default"].thresholds


def test_several_goals_live_in_one_bundle(capfd, place):
    for name, goal in (("a", ("--accuracy", "60")), ("b", ("--max-loss", "0")), ("c", ("--mean-ms", "1e3"))):
        assert run(capfd, place, "--name", name, goal=goal)[0] == 0
    rules = open_bundle(place / "tiny.gfnet").manifest.rules_of("onnx")
    assert list(rules) == ["default", "margin", "a", "b", "c"]
    assert [rules[name].calibration.goal for name in "abc"] == ["accuracy 60 %", "max loss 0 points", "mean 1000 ms"]


def test_a_frontier_is_one_rule_for_each_mean(capfd, place):
    code, out, _ = run(capfd, place, "--json", goal=("--frontier", "9"))
    found = json.loads(out)
    rules = open_bundle(place / "tiny.gfnet").manifest.rules_of("onnx")
    assert code == 0 and 2 <= len(found) <= 9
    assert found[0]["name"] == "calibrated-01"
    for one in found:
        assert list(rules[one["name"]].thresholds) == one["rule"]["thresholds"]
        assert one["judged"]["mean_ms"]["value"] == rules[one["name"]].calibration.mean_ms
    costs = [one["found"]["mean_ms"]["value"] for one in found]
    assert costs == sorted(costs)
    code, out, _ = run(capfd, place, goal=("--frontier", "3"))
    assert code == 0 and "calibrated-01" in out


def lines(change):
    """Changes each line of the results."""

    def changed(place):
        results = [json.loads(line) for line in (place / "results.jsonl").read_text().splitlines()]
        kept = [one for one in results if change(one) is not False]
        (place / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in kept))

    return changed


def both(field, value):
    """The results twice, the second time in another context."""

    def changed(place):
        results = [json.loads(line) for line in (place / "results.jsonl").read_text().splitlines()]
        other = [{**one, field: value} for one in results]
        (place / "results.jsonl").write_text("".join(json.dumps(one) + "\n" for one in results + other))

    return changed


def logits(change=lambda logits, labels: (logits, labels), **metadata):
    return lambda place: write_logits(place, change, **metadata)


def with_nan(logits, labels):
    logits[7, 1, 2] = np.nan
    return logits, labels


BAD_FILES = {
    "another model": (logits(model="e" * 64), "logits of another network"),
    "fewer steps": (logits(lambda logits, labels: (logits[:, :2], labels)), "logits of 2 steps .* has 3"),
    "fewer classes": (logits(lambda logits, labels: (logits[:, :, :4], labels % 4)), "4 classes"),
    "labels of more classes": (logits(lambda logits, labels: (logits, labels + 1)), "beyond the 5 classes"),
    "NaN": (logits(with_nan), "not finite"),
    "few images": (logits(lambda logits, labels: (logits[:99], labels[:99])), "99 images; at least 100"),
    "no logits": (lambda place: (place / "val.logits").write_text("?"), "no cached logits"),
    "another bundle": (lines(lambda one: one.update(bundle_id="0" * 64)), "none of bundle"),
    "hot": (lines(lambda one: one.update(invalid="thermal state severe")), "no run counts .thermal state severe"),
    "a graph missing": (
        lines(lambda one: not one["what"].startswith("end") and one["what"] != "graph:policy"),
        "graph:policy",
    ),
    "two threads": (both("threads", 2), "several contexts .threads: 1, 2.; choose with --threads"),
    "two versions": (both("runtime_version", "0"), "several contexts .runtime_version"),
    "no results": (lambda place: (place / "results.jsonl").write_text("x\n"), "line 1 is no result"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files_are_one_line_and_the_bundle_stays(capfd, place, case):
    damage, message = BAD_FILES[case]
    damage(place)
    before = manifest(place)
    code, out, err = run(capfd, place)
    assert (code, out, manifest(place)) == (2, "", before)
    assert re.fullmatch(rf"error: .*{message}.*\n", err), err


BAD_GOALS = {
    "none": ([], "give one goal of --mean-ms, --p95-ms"),
    "two": (["--mean-ms", "1", "--accuracy", "90"], "give one goal"),
    "too fast": (["--mean-ms", "1e-9"], "cannot be met; the glance alone takes"),
    "too fast at the end": (["--p95-ms", "1e-9"], "cannot be met; of the glance alone it is"),
    "too accurate": (["--accuracy", "100"], "cannot be met; no thresholds that were tried get more than"),
    "a share": (["--accuracy", "0.95"], "in percent"),
    "a negative loss": (["--max-loss", "-1"], "in points"),
    "no time": (["--mean-ms", "nan"], "milliseconds above 0"),
    "one mean": (["--frontier", "1"], "2 to 100"),
    "a frontier by default": (["--frontier", "3", "--default"], "several rules"),
    "a name": (["--max-loss", "1", "--name", "a b"], "letters"),
    "a target that was not measured": (["--max-loss", "1", "--target", "coreml"], "none with target 'coreml'"),
    "a device that was not measured": (["--max-loss", "1", "--device", "x"], "none with device 'x'"),
}


@pytest.mark.parametrize("case", BAD_GOALS)
def test_bad_goals_are_one_line_and_the_bundle_stays(capfd, place, case):
    goal, message = BAD_GOALS[case]
    before = manifest(place)
    code, out, err = run(capfd, place, goal=goal)
    assert (code, out, manifest(place)) == (2, "", before)
    assert re.fullmatch(rf"error: .*{message}.*\n", err), err


def test_one_of_several_contexts_can_be_chosen(capfd, place):
    both("threads", 2)(place)
    assert run(capfd, place, "--threads", "2")[0] == 0
    said = open_bundle(place / "tiny.gfnet").manifest.rules_of("onnx")["calibrated"].calibration
    assert said.device.endswith("2 threads")


def test_a_bundle_that_cannot_be_written_stays(capfd, place, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    before = manifest(place)
    monkeypatch.setattr("gfnet_mobile.files.os.replace", full)
    code, _, err = run(capfd, place)
    assert code == 2 and "no space left" in err and manifest(place) == before
    assert [file.name for file in (place / "tiny.gfnet").iterdir() if file.name.startswith(".")] == []
