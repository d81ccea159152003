"""``compare``: bundles meet their logits and latencies, a picture and a verdict come out, nothing unlike is mixed."""

import json
from dataclasses import replace

import numpy as np
import programs
import pytest
from safetensors.numpy import save_file

from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.cli.app import main
from gfnet_mobile.compare.contenders import contenders
from gfnet_mobile.compare.report import compare, plain
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.results import append_results, summarise
from gfnet_mobile.published.paper import MOBILENETV3

COUNT, STEPS, CLASSES = 400, 3, programs.K
MS = {"dynamic": (1.0, 2.0, 3.0), "small": (1.5,), "large": (6.0,)}
RIGHT = {"dynamic": (0.5, 0.8, 0.95), "small": (0.7,), "large": (0.96,)}
"""accuracy of each step; the surer an image, the sooner its answer is right"""


def write_logits(path, checkpoint, accuracies, data="d" * 64, target="onnx", count=COUNT):
    random = np.random.default_rng(0)
    labels = random.integers(0, CLASSES, count)
    hardness = random.random(count)
    logits = random.random((count, len(accuracies), CLASSES)).astype(np.float32)
    for step, accuracy in enumerate(accuracies):
        said = np.where(hardness < accuracy, labels, (labels + 1) % CLASSES)
        logits[np.arange(count), step, said] += 1 + 6 * (1 - hardness)
    metadata = {"model": checkpoint, "target": target, "data": data}
    save_file({"logits": logits, "labels": labels}, path, metadata)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three bundles, their logits, and results as ``bench`` writes them, with times of our choice."""
    folder = tmp_path_factory.mktemp("compare")
    bundles = {
        name: programs.make_bundle(
            folder / f"{name}.gfnet",
            programs.recurrent() if name == "dynamic" else programs.static(),
            name=name,
            checkpoint=str(number) * 64,
            preprocessing={"size": programs.S, "resize": programs.S + number, "filter": "bilinear"},
        )
        for number, name in enumerate(MS)
    }
    random = np.random.default_rng(1)
    for name, bundle in bundles.items():
        write_logits(folder / f"{name}.logits", bundle.manifest.checkpoint, RIGHT[name])
    first, *others = bundles.values()
    results = []
    for result in bench(first, ["onnx"], against=others, rounds=20, warmup=0):
        if result.what.startswith("end_to_end"):
            name = next(name for name, one in bundles.items() if one.manifest.bundle_id == result.bundle_id)
            base = MS[name][int(result.what.partition(":")[2])]
            times = tuple((base * (1 + 0.01 * random.random(20))).tolist())
            results.append(result.model_copy(update={"samples_ms": times, "summary": summarise(times)}))
    append_results(folder / "results.jsonl", results)
    return folder, results


def arguments(folder, names=tuple(MS), latency="results.jsonl"):
    logits = [word for name in names for word in ("--logits", str(folder / f"{name}.logits"))]
    bundles = [str(folder / f"{name}.gfnet") for name in names]
    return ["compare", *bundles, *logits, "--latency", str(folder / latency), "--budgets", "6"]


def test_the_table_ends_with_the_verdict(made, capsys):
    folder, _ = made
    assert main(arguments(folder)) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert "faster" in lines[-1] and "dynamic against the static network large at 8 pixels" in lines[-1]
    assert "1 thread" in lines[0] and any(line.lstrip().startswith("small, 8 px") for line in lines)


def test_json_holds_every_rule_every_size_and_what_lies_beside(made, capsys):
    folder, _ = made
    assert main([*arguments(folder), "--json", "--accuracy", "94"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = {name: [row for row in report["rows"] if row["network"] == name] for name in MS}
    assert len(rows["dynamic"]) > 2 and len(rows["small"]) == len(rows["large"]) == 1
    assert rows["large"][0]["static_over_dynamic"] is None and rows["large"][0]["rule"] is None
    means = [row["mean_ms"] for row in rows["dynamic"]]
    assert means == sorted(means) and all(row["over_oracle"] >= 1 - 1e-9 for row in rows["dynamic"])
    for row in rows["dynamic"]:
        both = row["static_over_dynamic"]
        assert both["interpolated"]["value"] <= both["deployable"]["value"] + 1e-9
        assert row["mean_ms"] <= row["expected"]["worst_ms"] <= 3.1
    (verdict,) = report["verdicts"]
    assert (verdict["kind"], verdict["static"], verdict["wanted"]) == ("faster", "large", 0.94)
    ratio = verdict["static_over_dynamic"]["deployable"]
    assert 1 < ratio["low"] <= ratio["value"] <= ratio["high"]
    (large,) = rows["large"]
    assert ratio["value"] in [pytest.approx(large["mean_ms"] / mean) for mean in means]
    assert report["hull"][0]["mean_ms"] == min(row["mean_ms"] for row in report["rows"])
    assert [len(spots) for spots in report["oracles"].values()] == [STEPS] and report["paper"] == []


def test_both_pictures_are_written_and_are_the_same_twice(made, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    folder, _ = made
    for name in ("one", "two"):
        assert main([*arguments(folder), "--picture", str(tmp_path / name / "picture")]) == 0
    assert "picture.svg" in capsys.readouterr().out
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert files[0] == files[1] and sorted(files[0]) == ["picture.png", "picture.svg"]
    assert files[0]["picture.png"].startswith(b"\x89PNG")
    for text in ("mean latency, ms", "95th percentile, ms", "worst case, ms", "dynamic, oracle", "static", "8 px"):
        assert text.encode() in files[0]["picture.svg"]


def test_the_papers_figures_stand_beside_a_published_configuration(made, tmp_path):
    pytest.importorskip("matplotlib")
    from gfnet_mobile.compare.draw import draw

    folder, results = made
    bundles = [open_bundle(folder / f"{name}.gfnet") for name in MS]
    logits = [folder / f"{name}.logits" for name in MS]
    found = compare(contenders(bundles, logits, results), 4)
    published = replace(found, papers=[MOBILENETV3])
    draw(published, tmp_path / "picture")
    assert b"MobileNet-V3 in the paper (iPhone XS Max" in (tmp_path / "picture.svg").read_bytes()
    (paper,) = plain(published)["paper"]
    assert paper["points"][0] == {"accuracy": 70.4, "ms": 5.8, "static_ms": 7.5} and "iPhone" in paper["conditions"]


def test_without_a_static_network_there_is_no_verdict(made, capsys):
    folder, _ = made
    assert main(arguments(folder, ["dynamic"])) == 0
    assert "no verdict: it takes a dynamic network" in capsys.readouterr().out


def test_other_contexts_are_refused_unless_told_otherwise(made, tmp_path, capsys):
    folder, results = made
    mixed = [
        one.model_copy(update={"threads": 2}) if one.bundle_id == results[-1].bundle_id else one for one in results
    ]
    append_results(tmp_path / "mixed.jsonl", mixed)
    options = [*arguments(folder)[:-4], "--latency", str(tmp_path / "mixed.jsonl"), "--budgets", "4"]
    assert main(options) == 2
    said = capsys.readouterr().err
    assert "measured in another context than" in said and "(threads: 2, 1)" in said and "or give --mixed" in said
    assert main([*options, "--mixed"]) == 0
    assert capsys.readouterr().out.count("thread") >= 2
    append_results(tmp_path / "mixed.jsonl", results)
    assert main(options) == 2
    assert "choose with --threads" in capsys.readouterr().err
    assert main([*options, "--threads", "1"]) == 0


def refused(capsys, words, message):
    assert main(words) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1


def test_logits_must_be_of_these_bundles_and_of_the_same_images(made, tmp_path, capsys):
    folder, _ = made
    words = arguments(folder)
    refused(capsys, [*words[:4], *words[6:]], "no --logits of it; make them: gfnet-mobile evaluate")
    stranger = write_logits(tmp_path / "stranger", "f" * 64, (0.5,))
    refused(capsys, [*words, "--logits", str(stranger)], "stranger: logits of none of these bundles")
    other = write_logits(tmp_path / "large.logits", "2" * 64, RIGHT["large"], data="e" * 64)
    unlike = [str(other) if word == str(folder / "large.logits") else word for word in words]
    refused(capsys, unlike, "its logits are of other images than those of")
    few = write_logits(tmp_path / "few", "0" * 64, RIGHT["dynamic"], count=99)
    short = [str(few) if word == str(folder / "dynamic.logits") else word for word in words]
    refused(capsys, short, "logits of 99 images; at least 100 are needed")
    steps = write_logits(tmp_path / "steps", "0" * 64, (0.5, 0.9))
    fewer = [str(steps) if word == str(folder / "dynamic.logits") else word for word in words]
    refused(capsys, fewer, "logits of 2 steps")


def test_latencies_must_be_there_and_count(made, tmp_path, capsys):
    folder, results = made
    words = [*arguments(folder)[:-4], "--latency"]
    append_results(tmp_path / "some.jsonl", [one for one in results if one.bundle_id != results[-1].bundle_id])
    refused(capsys, [*words, str(tmp_path / "some.jsonl")], "large.gfnet: latencies: none of bundle")
    append_results(tmp_path / "hot.jsonl", [one.model_copy(update={"invalid": "hot"}) for one in results])
    refused(capsys, [*words, str(tmp_path / "hot.jsonl")], "no run counts (hot)")
    refused(capsys, [*words, str(tmp_path / "nowhere.jsonl")], "nowhere.jsonl")
    refused(capsys, [*arguments(folder), "--accuracy", "0.94"], "--accuracy 0.94: in percent")
    refused(capsys, [*arguments(folder), str(folder / "small.gfnet")], "two bundles are called 'small'")
