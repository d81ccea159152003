"""gfnet-runner's commands: the same table, answers and refusals as the Python host's."""

import json
import shutil
import subprocess

import native
import native_bundles
import numpy as np
import programs
import pytest
from PIL import Image
from safetensors.numpy import save_file

from gfnet_mobile.bundle.store import write_manifest
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.verify import verify


def runner(*arguments, program="gfnet-runner", **options):
    command = [str(native.build() / program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def lines(*arguments):
    done = runner(*arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(output):
    """(mode, step, graph, tensor) → difference, allowed."""
    rows = [line.split() for line in output.splitlines()[1:] if line.startswith(("graph", "loop"))]
    return {(row[0], int(row[1]), row[2], row[3]): (float(row[4]), float(row[5])) for row in rows}


@pytest.fixture
def altered(tmp_path):
    """A copy of a bundle, to be changed."""

    def copy(name="recurrent"):
        bundle = native_bundles.conformance()[name]
        return shutil.copytree(bundle.folder, tmp_path / f"{name}.gfnet")

    return copy


@pytest.mark.parametrize("name", programs.ALL)
def test_verify_gives_the_table_of_the_python_host(name):
    bundle = native_bundles.conformance()[name]
    done = runner("verify", bundle.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    report = verify(bundle, ["executorch"])
    expected = {(row.mode, row.step, row.graph, row.tensor): row for row in report.rows}
    found = table(done.stdout)
    assert set(found) == set(expected)
    for place, (difference, allowed) in found.items():
        assert allowed == pytest.approx(expected[place].tolerance)
        assert difference == pytest.approx(expected[place].difference, abs=1e-6)
    assert "same label for 4 of 4 images, same number of steps for 4 of 4" in done.stdout


@pytest.mark.parametrize("make", [native_bundles.demo, native_bundles.demo_int8])
def test_verify_holds_for_the_demo(make):
    bundle = make()
    done = runner("verify", bundle.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    found, report = table(done.stdout), verify(bundle, ["executorch"])
    assert found.keys() == {(row.mode, row.step, row.graph, row.tensor) for row in report.rows}
    (agreement,) = report.agreements
    assert f"same label for {agreement.labels} of 8 images" in done.stdout
    assert f"same number of steps for {agreement.steps} of 8" in done.stdout


def test_verify_fails_where_a_tensor_is_too_far_off(altered):
    folder = altered()
    manifest = json.loads((folder / "manifest.json").read_text())
    for graph in manifest["targets"]["executorch"]["graphs"].values():
        graph["tolerance"] = 1e-12
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = runner("verify", folder)
    assert done.returncode == 1
    assert "TOO LARGE" in done.stdout and "differ by more than allowed" in done.stderr


@pytest.mark.parametrize("options", [(), ("--rule", "default"), ("--threshold", 1), ("--max-steps", 2)])
def test_run_answers_as_the_python_host(options, tmp_path):
    bundle = native_bundles.demo()
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(pixels).resize((300, 260)).save(path)
    limits = {name[2:].replace("-", "_"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    found = lines("run", bundle.folder, *paths, *options)
    with Session(bundle, "executorch") as session:
        stop = session.stopping(**limits)
        for path, answer in zip(paths, found, strict=True):
            steps = list(session.walk(path, stop))
            assert answer["image"] == str(path) and answer["bundle_id"] == bundle.manifest.bundle_id
            assert (answer["label"], answer["name"]) == (steps[-1].label, steps[-1].name)
            assert len(answer["steps"]) == len(steps)
            for one, step in zip(answer["steps"], steps, strict=True):
                np.testing.assert_allclose(one["logits"], step.logits, atol=1e-5)
                np.testing.assert_allclose(one["probabilities"], step.probabilities, atol=1e-5)
                assert one["position"] == (None if step.position is None else list(step.position))
                assert one["patch_size"] == step.patch_size
                region = [one["region"][side] for side in ("top", "left", "height", "width")]
                assert region == [step.region.top, step.region.left, step.region.height, step.region.width]


def test_run_takes_a_tensor_that_is_ready(tmp_path):
    bundle = native_bundles.conformance()["recurrent"]
    save_file({"image": programs.golden_images()[0]}, tmp_path / "image.safetensors")
    (answer,) = lines("run", bundle.folder, tmp_path / "image.safetensors", "--threshold", 1)
    logits = programs.expected(programs.recurrent(), programs.golden_images()[:1])
    np.testing.assert_allclose(answer["steps"][2]["logits"], logits["2.exit.logits"][0], atol=1e-5)


def test_bench_measures_everything_once_a_round():
    bundle = native_bundles.conformance()["cascade"]
    first, *samples, last = lines("bench", bundle.folder, "--rounds", 3, "--warmup", 1)
    assert first["context"]["bundle_id"] == bundle.manifest.bundle_id
    whats = [f"graph:{name}" for name in bundle.manifest.graphs] + [f"end_to_end:{step}" for step in range(3)]
    assert [one["index"] for one in samples] == list(range(3 * len(whats) + 5))
    for number in range(3):
        measured = [one["what"] for one in samples[number * len(whats) : (number + 1) * len(whats)]]
        assert measured == whats[number:] + whats[:number]
    assert [one["what"] for one in samples[3 * len(whats) :]] == ["cold_load"] * 5
    assert all(one["ms"] > 0 for one in samples)
    assert all(0 < one["graphs_ms"] <= one["ms"] for one in samples if one["what"].startswith("end_to_end"))
    assert last["stretch"]["end"]["peak_memory_bytes"] > 1_000_000


@pytest.mark.parametrize("name", programs.ALL)
def test_nothing_is_allocated_within_the_loop_after_the_first_image(name):
    done = runner(native_bundles.conformance()[name].folder, program="gfnet-allocations")
    first, later, _ = map(int, done.stdout.split())
    assert first > 0, "the counter counts"
    assert later == 0


def refused(*arguments):
    done = runner(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.stderr


def test_bad_input_is_one_line(altered, tmp_path):
    folder = altered()
    assert "no such bundle" in refused("verify", tmp_path / "nothing.gfnet")
    assert "has no manifest.json" in refused("verify", tmp_path)
    assert "--help" in refused("verify")
    assert "--help" in refused("walk")
    assert "threads 0" in refused("verify", folder, "--threads", "0")
    assert "rounds" in refused("bench", folder, "--rounds", "0")
    assert "nothing.png: no such file" in refused("run", folder, tmp_path / "nothing.png")
    assert "no exit rule 'fast'; the bundle has default, margin" in refused("run", folder, folder, "--rule", "fast")
    assert "between 0 and 1" in refused("run", folder, folder, "--threshold", "1.5")
    (tmp_path / "no.safetensors").write_bytes(b"\xff" * 20)
    assert "is no safetensors file" in refused("run", folder, tmp_path / "no.safetensors")


def test_an_altered_graph_is_refused(altered):
    folder = altered()
    graph = folder / "executorch" / "focus.pte"
    content = bytearray(graph.read_bytes())
    content[-1] ^= 1
    graph.write_bytes(content)
    assert f"{graph}: is not the file that was exported" in refused("verify", folder)


def test_a_file_that_is_no_program_is_refused_though_its_hash_is_right(altered):
    folder = altered()
    (folder / "executorch" / "focus.pte").write_bytes(b"no program" * 50)
    manifest = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, {k: v for k, v in manifest.items() if k not in ("schema_version", "files", "bundle_id")})
    assert "focus.pte: ExecuTorch cannot load it" in refused("verify", folder)


def test_a_bundle_without_the_target_is_refused(recurrent_bundle):
    message = refused("verify", recurrent_bundle.folder)
    assert "no target 'executorch'; the bundle has onnx; export it with --target executorch" in message


def test_a_graph_file_of_another_target_may_be_missing(tmp_path):
    bundle = native_bundles.demo()
    folder = shutil.copytree(bundle.folder, tmp_path / "demo.gfnet")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "more.onnx").write_bytes(b"of another target")
    manifest = json.loads((folder / "manifest.json").read_text())
    write_manifest(folder, {k: v for k, v in manifest.items() if k not in ("schema_version", "files", "bundle_id")})
    (folder / "onnx" / "more.onnx").unlink()
    assert runner("verify", folder).returncode == 0
