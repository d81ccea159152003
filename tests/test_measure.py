"""Verification finds what differs; measurements carry their context."""

import json
import shutil

import numpy as np
import onnx
import programs
import pytest
from safetensors.numpy import load_file

from gfnet_mobile.bundle.golden import write_golden
from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure import bench as bench_module
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.results import Result, append_results, read_results, summarise
from gfnet_mobile.measure.verify import verify


def changed(bundle, folder, *, compression="none", weights=None, golden=None):
    """A copy with another compression, with ``graph``'s first weight shifted, or with other golden values."""
    shutil.copytree(bundle.folder, folder)
    manifest = bundle.manifest.model_dump()
    for file in manifest["targets"]["onnx"]["graphs"].values():
        file["compression"] = compression
    if weights is not None:
        model = onnx.load(folder / "onnx" / f"{weights}.onnx")
        shifted = onnx.numpy_helper.to_array(model.graph.initializer[0]) + np.float32(0.01)
        model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(shifted, "W0"))
        onnx.save(model, folder / "onnx" / f"{weights}.onnx")
    if golden is not None:
        tensors = load_file(folder / "golden.safetensors")
        golden(tensors)
        write_golden(folder / "golden.safetensors", tensors.pop("images"), tensors)
    write_manifest(folder, manifest)
    return open_bundle(folder)


def test_verify_names_the_graph_that_differs(recurrent_bundle, tmp_path):
    report = verify(changed(recurrent_bundle, tmp_path / "b.gfnet", weights="exit"), ["onnx"])
    wrong = {(row.graph, row.tensor) for row in report.rows if row.mode == "graph" and not row.ok}
    assert wrong == {("exit", "logits"), ("exit", "memory_out")}


def test_a_position_one_pixel_off_fails_in_float32_and_is_rounding_below(recurrent_bundle, tmp_path):
    def move(tensors):
        position = tensors["1.policy.position"]
        position[0, 0] += 1 if position[0, 0] < programs.S - programs.P else -1

    exact = verify(changed(recurrent_bundle, tmp_path / "exact.gfnet", golden=move), ["onnx"])
    assert [(row.mode, row.tensor, row.difference) for row in exact.rows if not row.ok] == [
        ("graph", "position", 1.0),
        ("loop", "position", 1.0),
    ]
    reduced = verify(changed(recurrent_bundle, tmp_path / "reduced.gfnet", golden=move, compression="fp16"), ["onnx"])
    assert all(row.ok and row.mode == "graph" for row in reduced.rows)
    assert reduced.agreements[0].labels == programs.IMAGES


def test_values_that_are_not_finite_never_pass(recurrent_bundle, tmp_path):
    def spoil(tensors):
        tensors["0.exit.logits"][0, 0] = np.nan

    with pytest.raises(UserError, match="not finite"):
        verify(changed(recurrent_bundle, tmp_path / "b.gfnet", golden=spoil), ["onnx"])


def test_targets_without_a_runtime_are_listed_as_not_run(recurrent_bundle, tmp_path):
    manifest = recurrent_bundle.manifest.model_dump()
    manifest["targets"]["litert"] = manifest["targets"]["onnx"]
    folder = shutil.copytree(recurrent_bundle.folder, tmp_path / "b.gfnet")
    write_manifest(folder, manifest)
    report = verify(open_bundle(folder), ["onnx", "litert"])
    assert {row.target for row in report.rows} == {"onnx"} == {found.target for found in report.agreements}
    assert "no runtime" in report.not_run["litert"]


def test_bench_measures_every_graph_every_exit_and_loading(recurrent_bundle):
    results = bench(recurrent_bundle, ["onnx"], rounds=4, warmup=1)
    assert [result.what for result in results] == [
        "graph:glance", "graph:exit", "graph:policy", "graph:focus",
        "end_to_end:0", "end_to_end:1", "end_to_end:2", "cold_load",
    ]  # fmt: skip
    for result in results:
        assert result.summary.n == len(result.samples_ms) == (5 if result.what == "cold_load" else 4)
        assert min(result.samples_ms) > 0
        assert (result.bundle_id, result.threads) == (recurrent_bundle.manifest.bundle_id, 1)
        assert result.runtime == "onnxruntime" and result.device.cores >= 1


def test_rounds_are_interleaved_and_warm_up_does_not_count():
    order = []
    works = [((0, "t", what), lambda what=what: what.upper(), lambda given: order.append(given)) for what in "abc"]
    samples = bench_module._rounds(works, rounds=2, warmup=1)
    assert "".join(order) == "ABC" + "BCA" + "CAB"
    assert all(len(milliseconds) == 2 for milliseconds in samples.values())


def test_bundles_that_are_compared_are_measured_in_the_same_rounds(recurrent_bundle, tmp_path):
    static = programs.make_bundle(tmp_path / "static.gfnet", programs.static())
    results = bench(recurrent_bundle, ["onnx"], against=[static], rounds=2, warmup=0)
    assert len({result.started for result in results}) == 1
    of_static = [result.what for result in results if result.bundle_id == static.manifest.bundle_id]
    assert of_static == ["graph:net", "end_to_end:0", "cold_load"]
    assert len(results) == 8 + 3


def test_the_command_measures_several_bundles_and_no_bundle_against_itself(recurrent_bundle, tmp_path, capsys):
    static = programs.make_bundle(tmp_path / "static.gfnet", programs.static(), name="static")
    words = ["bench", str(recurrent_bundle.folder), "--target", "onnx", "--rounds", "2", "--warmup", "0"]
    output = tmp_path / "results.jsonl"
    assert main([*words, "--against", str(static.folder), "--output", str(output)]) == 0
    lines = [line.split()[:4] for line in capsys.readouterr().out.splitlines()]
    assert ["static", "onnx", "1", "end_to_end:0"] in lines and ["tiny", "onnx", "1", "end_to_end:2"] in lines
    assert {one.bundle_id for one in read_results(output)} == {
        static.manifest.bundle_id, recurrent_bundle.manifest.bundle_id
    }  # fmt: skip
    assert main([*words, "--against", str(recurrent_bundle.folder)]) == 2
    assert "is the same network as" in capsys.readouterr().err


def test_no_rounds_are_refused(recurrent_bundle):
    with pytest.raises(UserError, match="rounds 0"):
        bench(recurrent_bundle, ["onnx"], rounds=0)


def test_a_summary_is_that_of_its_samples():
    summary = summarise(range(1, 101))
    assert (summary.n, summary.mean, summary.min, summary.max) == (100, 50.5, 1, 100)
    assert (summary.p50, summary.p90, summary.p99) == pytest.approx((50.5, 90.1, 99.01))
    assert summary.std == pytest.approx(np.std(range(1, 101), ddof=1))
    assert summarise([2.0]).std == 0 and summarise(range(99)).p99 is None


def test_results_are_appended_as_json_lines(recurrent_bundle, tmp_path):
    results = bench(recurrent_bundle, ["onnx"], rounds=1, warmup=0)
    for _ in range(2):
        append_results(tmp_path / "deep" / "results.jsonl", results)
    lines = (tmp_path / "deep" / "results.jsonl").read_text().splitlines()
    assert [Result.model_validate_json(line) for line in lines] == results * 2
    assert json.loads(lines[0])["schema_version"] == 1
    with pytest.raises(UserError, match="cannot write"):
        append_results(tmp_path / "deep", results)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_end_to_end_stops_after_its_step(recurrent_bundle, steps):
    from gfnet_mobile.host.preprocess import from_pixels

    with Session(recurrent_bundle) as session:
        image = from_pixels(programs.golden_images()[0])
        assert len(list(session.walk(image, lambda step: step.index == steps - 1))) == steps
