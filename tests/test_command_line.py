"""The commands as a user meets them: answers on stdout, one line on stderr, exit codes 0, 1, 2 and 130."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import onnx
import programs
import pytest
from PIL import Image

from gfnet_mobile.bundle.store import write_manifest
from gfnet_mobile.cli.app import COMMANDS, main
from gfnet_mobile.measure.results import Result

COMMAND = [sys.executable, "-m", "gfnet_mobile"]


@pytest.fixture
def bundle(recurrent_bundle):
    return str(recurrent_bundle.folder)


@pytest.fixture
def folder(recurrent_bundle, tmp_path):
    """A copy to damage."""
    return shutil.copytree(recurrent_bundle.folder, tmp_path / "damaged.gfnet")


def run(capfd, *arguments):
    """Exit code, stdout, stderr."""
    code = main([str(argument) for argument in arguments])
    return code, *capfd.readouterr()


def test_help_lists_every_command(capfd):
    code, out, err = run(capfd, "--help")
    assert code == 0 and not err
    assert all(re.search(rf"^  {name} ", out, re.MULTILINE) for name in COMMANDS)
    assert run(capfd) == (0, out, "")


@pytest.mark.parametrize("name", ["run", "verify", "bench"])
def test_help_of_a_command_has_an_example(capfd, name):
    code, out, _ = run(capfd, name, "--help")
    assert code == 0 and f"Example: gfnet-mobile {name}" in out


def test_run_prints_a_table(capfd, bundle, picture):
    code, out, err = run(capfd, "run", bundle, picture)
    assert code == 0 and not err
    assert "class" in out and "%" in out


def test_run_prints_one_json_object_per_picture(capfd, bundle, picture, tmp_path):
    shutil.copy(picture, tmp_path / "a.png")
    shutil.copy(picture, tmp_path / "b.png")
    (tmp_path / "notes.txt").write_text("no picture")
    code, out, _ = run(capfd, "run", bundle, tmp_path, picture, "--json", "--threshold", "1")
    objects = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [each["image"] for each in objects] == [str(tmp_path / "a.png"), str(tmp_path / "b.png"), str(picture)]
    for each in objects:
        assert set(each) == {"image", "bundle_id", "label", "name", "steps"}
        assert [step["index"] for step in each["steps"]] == [0, 1, 2]
        assert set(each["steps"][0]) == {
            "index", "logits", "probabilities", "confidence", "label", "name", "position", "patch_size", "region",
            "elapsed_ms",
        }  # fmt: skip
        assert len(each["steps"][1]["logits"]) == programs.K and len(each["steps"][1]["position"]) == 2
        assert set(each["steps"][0]["region"]) == {"top", "left", "height", "width"}
        assert each["label"] == each["steps"][-1]["label"]


def test_run_draws_a_picture_each(capfd, bundle, picture, tmp_path):
    code, *_ = run(capfd, "run", bundle, picture, "--draw", tmp_path / "drawn", "--threshold", "1")
    assert code == 0
    assert [file.name for file in (tmp_path / "drawn").iterdir()] == [picture.name]
    Image.open(tmp_path / "drawn" / picture.name).verify()


def test_drawings_of_pictures_with_one_name_do_not_replace_each_other(capfd, bundle, picture, tmp_path):
    code, *_ = run(capfd, "run", bundle, picture, picture, "--draw", tmp_path / "drawn")
    assert code == 0
    assert len(list((tmp_path / "drawn").iterdir())) == 2


def test_limits_shorten_the_sequence(capfd, bundle, picture):
    for limit, steps in ((("--max-steps", 2), 2), (("--deadline-ms", 0), 1), (("--rule", "margin"), 3)):
        threshold = () if limit[0] == "--rule" else ("--threshold", 1)
        _, out, _ = run(capfd, "run", bundle, picture, "--json", *threshold, *limit)
        assert len(json.loads(out)["steps"]) == steps


def test_verify_passes_what_was_exported(capfd, bundle):
    code, out, err = run(capfd, "verify", bundle)
    assert code == 0 and not err
    assert "memory_out" in out and "4 of 4" in out


def test_verify_fails_with_code_1_where_a_graph_differs(capfd, recurrent_bundle, folder):
    other_weights = programs.encoder("another", "patch", 4)  # they are seeded by the graph's name
    onnx.save(other_weights.model, folder / "onnx/focus.onnx")
    write_manifest(folder, recurrent_bundle.manifest.model_dump())
    code, out, err = run(capfd, "verify", folder)
    assert code == 1 and "TOO LARGE" in out
    assert re.fullmatch(r"failed: .* tensors differ by more than allowed\n", err)


def test_what_cannot_run_here_is_not_run_and_not_passed(capfd, recurrent_bundle, folder):
    manifest = recurrent_bundle.manifest.model_dump()
    manifest["targets"]["litert"] = manifest["targets"]["onnx"]
    write_manifest(folder, manifest)
    code, out, _ = run(capfd, "verify", folder)
    assert code == 0 and "litert: not run" in out
    code, out, err = run(capfd, "verify", folder, "--target", "litert")
    assert code == 1 and "litert: not run" in out and "nothing was verified" in err


def test_bench_prints_a_table_and_appends_results(capfd, bundle, tmp_path):
    output = tmp_path / "results.jsonl"
    code, out, err = run(capfd, "bench", bundle, "--rounds", 2, "--warmup", 0, "--output", output)
    assert code == 0 and not err and "end_to_end:2" in out
    assert [Result.model_validate_json(line).target for line in output.read_text().splitlines()] == ["onnx"] * 8


def damaged(change):
    def prepare(folder):
        path = folder / "manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return prepare


BAD_BUNDLES = {
    "no bundle": (lambda folder: shutil.rmtree(folder), "no such bundle"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "has no manifest.json"),
    "truncated": (lambda folder: os.truncate(folder / "manifest.json", 900), "JSON"),
    "from the future": (damaged(lambda m: m.update(schema_version=9)), "newer gfnet-mobile"),
    "unknown field": (damaged(lambda m: m.update(more=1)), "unknown field"),
    "path outside": (damaged(lambda m: m["golden"].update(path="../../x")), "leaves the bundle"),
    "thresholds": (damaged(lambda m: m["rules"]["default"]["thresholds"].pop()), "1 thresholds for 3 steps"),
    "graph missing": (lambda folder: (folder / "onnx/focus.onnx").unlink(), "focus.onnx: missing"),
    "graph changed": (lambda folder: (folder / "onnx/focus.onnx").write_bytes(b"x"), "SHA-256"),
}


@pytest.mark.parametrize("command", ["run", "verify", "bench"])
@pytest.mark.parametrize("case", BAD_BUNDLES)
def test_a_bad_bundle_is_one_line_and_code_2(capfd, folder, picture, command, case):
    damage, message = BAD_BUNDLES[case]
    damage(folder)
    drawn = folder.parent / "drawn"
    extra = {"run": [picture, "--draw", drawn], "verify": [], "bench": ["--output", drawn]}[command]
    code, out, err = run(capfd, command, folder, *extra)
    assert (code, out) == (2, "") and not drawn.exists()
    assert re.fullmatch(rf"error: .*{message}.*\n", err), err


BAD_ARGUMENTS = {
    "no arguments": ([], "Missing argument"),
    "unknown option": (["{bundle}", "{picture}", "--loud"], "No such option"),
    "missing picture": (["{bundle}", "{tmp}/none.png"], "none.png: no such file"),
    "no picture": (["{bundle}", "{bundle}/manifest.json"], "no image"),
    "folder without pictures": (["{bundle}", "{bundle}"], "no pictures in this folder"),
    "negative deadline": (["{bundle}", "{picture}", "--deadline-ms", "-1"], "at least 0"),
    "deadline not a number": (["{bundle}", "{picture}", "--deadline-ms", "soon"], "deadline-ms"),
    "threshold above 1": (["{bundle}", "{picture}", "--threshold", "1.5"], "between 0 and 1"),
    "threshold NaN": (["{bundle}", "{picture}", "--threshold", "nan"], "between 0 and 1"),
    "no steps": (["{bundle}", "{picture}", "--max-steps", "0"], "at least 1"),
    "no threads": (["{bundle}", "{picture}", "--threads", "0"], "threads 0"),
    "unknown rule": (["{bundle}", "{picture}", "--rule", "x"], "the bundle has default, margin"),
    "unknown target": (["{bundle}", "{picture}", "--target", "x"], "the bundle has onnx"),
    "drawing into a file": (["{bundle}", "{picture}", "--draw", "{picture}"], "cannot write"),
}


@pytest.mark.parametrize("case", BAD_ARGUMENTS)
def test_bad_arguments_are_one_line_and_code_2(capfd, bundle, picture, tmp_path, case):
    arguments, message = BAD_ARGUMENTS[case]
    filled = [argument.format(bundle=bundle, picture=picture, tmp=tmp_path) for argument in arguments]
    code, out, err = run(capfd, "run", *filled)
    assert (code, out) == (2, "") and not list(tmp_path.iterdir())
    assert re.fullmatch(rf"error: .*{message}.*\n", err), err


def test_an_unknown_command_is_one_line_and_code_2(capfd):
    assert run(capfd, "dance") == (2, "", "error: No such command 'dance'. (see gfnet-mobile --help)\n")


def test_a_missing_extra_says_what_to_install(capfd, monkeypatch):
    import gfnet_mobile.cli.app as app

    def missing(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="torch")

    monkeypatch.setattr(app, "import_module", missing)
    code, _, err = run(capfd, "export", "demo")
    assert (code, err) == (2, "error: this command needs torch: pip install 'gfnet-mobile[export]'\n")


def test_run_imports_no_torch(bundle, picture):
    script = f"""
import sys
from gfnet_mobile.cli.app import main
import gfnet_mobile
assert gfnet_mobile.open_bundle and gfnet_mobile.Session
code = main(["run", {bundle!r}, {str(picture)!r}])
heavy = sorted({{"torch", "timm", "executorch", "onnx", "sklearn", "coremltools"}} & set(sys.modules))
assert not heavy, heavy
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_with_130_and_no_trace(bundle, picture):
    pictures = [str(picture)] * 5000
    process = subprocess.Popen(
        [*COMMAND, "run", bundle, "--json", *pictures],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "")


def test_a_reader_that_leaves_early_is_no_error(bundle, picture):
    # each an argument of its own: one alone, the shell's text among them, may have 128 kB
    command = [*COMMAND, "run", str(bundle), "--json", *[str(picture)] * 2000]
    shell = ["bash", "-c", 'set -o pipefail; "$@" | head -n 1', "bash"]
    done = subprocess.run([*shell, *command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_code_2(bundle, picture):
    with open("/dev/full", "w") as full:
        command = [*COMMAND, "run", bundle, "--json", str(picture)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: no space left on device\n")
