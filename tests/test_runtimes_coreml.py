"""Bundles for Core ML through the commands: interpreted off a Mac, damaged, and on a Mac, which a stand-in plays."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import programs
import pytest
import torch
from networks import small_network
from PIL import Image

from export.bundle import export_bundle
from gfnet_mobile import runtimes
from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.quiet import quiet
from gfnet_mobile.runtimes import compute_units, is_interpreted, open_runtime, runnable, runtimes_of

with quiet():
    import coremltools as ct

    from gfnet_mobile.mlprogram import load

INTERPRETED = ("coreml", "executorch-coreml")
RULE = ExitRule(measure="max_softmax", temperature=(1, 1), thresholds=(0.5,))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    save_checkpoint(
        small_network(policy="conv", head="recurrent", steps=2), folder / "s.safetensors", {"default": RULE}
    )
    return export_bundle(folder / "s.safetensors", ["executorch", *INTERPRETED], folder)


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle.folder, tmp_path / bundle.folder.name)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number, name in enumerate(("ant", "bee", "cat", "dog", "elk")):
        (folder / name).mkdir()
        pixels = np.random.default_rng(number).integers(0, 256, (120, 110, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name / "1.png")
    return folder


@pytest.mark.parametrize("target", INTERPRETED)
def test_verify_says_what_is_proven_and_what_is_not(bundle, target, capsys):
    assert main(["verify", str(bundle.folder), "--target", target]) == 0
    out = capsys.readouterr().out
    assert f"{target}: proven: the saved files compute the above" in out
    assert f"{target}: not proven, for want of a Mac or a phone: that " in out and "how fast" in out
    assert ("ExecuTorch's delegate loads them" in out) == (target == "executorch-coreml")
    assert f"{target}: policy: " in out and "give what they gave when they were exported" in out
    assert "differ by at most" not in out


@pytest.mark.parametrize("target", INTERPRETED)
def test_bench_says_that_its_figures_say_nothing(bundle, target, capsys):
    assert main(["bench", str(bundle.folder), "--target", target, "--rounds", "1", "--warmup", "0"]) == 0
    assert f"{target}: interpreted here, which says nothing on its latency" in capsys.readouterr().out


def test_run_and_evaluate_give_the_same_answers_on_either_target(bundle, pictures, capsys):
    answers = []
    for target in INTERPRETED:
        assert main(["run", str(bundle.folder), str(pictures / "ant"), "--target", target]) == 0
        assert main(["evaluate", str(bundle.folder), "--data", str(pictures), "--target", target, "--json"]) == 0
        answers.append([line.split() for line in capsys.readouterr().out.splitlines()])
    (first_run, first), (second_run, second) = ((one[1], one[-1]) for one in answers)
    assert first == second
    assert [word for word in first_run if "." not in word] == [word for word in second_run if "." not in word]


def changed(folder: Path, name: str, content: bytes) -> None:
    """The file, and the manifest's hash of it."""
    manifest = open_bundle(folder).manifest.model_dump()
    (folder / name).write_bytes(content)
    write_manifest(folder, manifest)


MODEL = "coreml/focus.mlpackage/Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "coreml/focus.mlpackage/Data/com.apple.CoreML/weights/weight.bin"


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def neural_network(_: bytes) -> bytes:
    model = ct.proto.Model_pb2.Model(specificationVersion=4)
    model.neuralNetwork.SetInParent()
    return bytes(model.SerializeToString())


DAMAGE = {
    "truncated model": (MODEL, half, "no Core ML model (the protobuf is damaged)"),
    "truncated weights": (WEIGHTS, half, "weight.bin: weight at"),
    "no weights": (WEIGHTS, lambda content: b"", "weights cannot be read"),
    "neural network": (MODEL, neural_network, "a model of type neuralNetwork; only ML programs"),
    "foreign manifest": ("coreml/focus.mlpackage/Manifest.json", lambda content: b"{}", "names no model"),
    "truncated program": ("executorch-coreml/focus.pte", half, "no ExecuTorch program, or a damaged one"),
    "nonsense": ("executorch-coreml/focus.pte", lambda content: b"nonsense", "no ExecuTorch program"),
}


def check_refused(command: str, folder: Path, target: str, picture: Path, message: str, capsys) -> None:
    images = [str(picture)] if command == "run" else []
    assert main([command, str(folder), *images, "--target", target]) == 2
    error = capsys.readouterr().err
    assert message in error and str(folder) in error and error.count("\n") == 1


@pytest.mark.parametrize("command", ["verify", "run", "bench"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_one_line(copy, pictures, kind, command, capsys):
    name, damage, message = DAMAGE[kind]
    changed(copy, name, damage((copy / name).read_bytes()))
    check_refused(command, copy, name.split("/")[0], pictures / "ant" / "1.png", message, capsys)


@pytest.mark.parametrize("command", ["verify", "run", "bench"])
def test_a_program_for_another_delegate_is_one_line(copy, pictures, command, capsys):
    changed(copy, "executorch-coreml/focus.pte", (copy / "executorch/focus.pte").read_bytes())
    message = "focus.pte: made for XnnpackBackend, not for CoreMLBackend"
    check_refused(command, copy, "executorch-coreml", pictures / "ant" / "1.png", message, capsys)


def test_a_weight_that_was_changed_is_noticed(copy, capsys):
    content = bytearray((copy / "executorch-coreml/focus.pte").read_bytes())
    weights = (copy / WEIGHTS).read_bytes()
    place = content.index(weights) + len(weights) - 62  # the last tensor's; the lowest bits of a float32
    content[place] ^= 1
    changed(copy, "executorch-coreml/focus.pte", bytes(content))
    assert main(["verify", str(copy), "--target", "executorch-coreml"]) == 1
    assert "not what was exported: executorch-coreml focus" in capsys.readouterr().err


@pytest.fixture
def mac(monkeypatch):
    """As on a Mac: what Core ML would predict, the interpreter does. Its ``error`` is added to all it gives."""
    stand_in = SimpleNamespace(error=0.0, models=[])

    def predict(model, data, state=None):
        stand_in.models.append(model)
        assert type(data) is dict and all(type(value) is np.ndarray for value in data.values())
        found = load(model.package_path, "fp16", model.function_name or "main").predict(data)
        return {name: value + value.dtype.type(stand_in.error) for name, value in found.items()}

    monkeypatch.setattr(runtimes, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(ct.models.MLModel, "predict", predict)
    return stand_in


def test_on_a_mac_core_ml_runs_and_the_interpreter_stands_beside_it(bundle, mac):
    assert [module.rpartition(".")[2] for module in runtimes_of("coreml")] == ["coreml_native", "coreml"]
    assert [module.rpartition(".")[2] for module in runtimes_of("executorch-coreml")] == [
        "executorch", "executorch_coreml",
    ]  # fmt: skip
    assert len(runtimes_of("onnx")) == 1
    assert not any(is_interpreted(target) for target in runtimes.known)
    assert runnable(bundle) == ["executorch", *INTERPRETED]


def test_on_a_mac_verify_compares_both_with_eager_and_with_each_other(bundle, mac, capsys):
    report = verify(bundle, ["coreml"])
    assert {row.runtime for row in report.rows} == {"Core ML", "ML program interpreter"}
    assert all(row.ok for row in report.rows) and len(report.probed) == 4
    assert {one.difference for one in report.apart} == {0.0}
    assert ("policy", "position") in {(one.graph, one.tensor) for one in report.apart}
    assert main(["verify", str(bundle.folder), "--target", "coreml"]) == 0
    out = capsys.readouterr().out
    assert "coreml: Core ML and ML program interpreter differ by at most 0 of the largest value" in out
    assert "not proven" not in out


def test_on_a_mac_a_core_ml_that_computes_something_else_fails_and_is_told_from_the_interpreter(bundle, mac, capsys):
    mac.error = 2.0
    assert main(["verify", str(bundle.folder), "--target", "coreml"]) == 1
    assert "positions by 2 pixels" in capsys.readouterr().out
    wrong = {row.runtime for row in verify(bundle, ["coreml"]).rows if not row.ok}
    assert wrong == {"Core ML"}


def test_on_a_mac_sessions_and_bench_use_core_ml_on_the_units_that_the_manifest_suggests(copy, mac, pictures, capsys):
    manifest = open_bundle(copy).manifest.model_dump()
    for graph, unit in (("glance", "cpu_and_ne"), ("focus", "cpu")):
        manifest["targets"]["coreml"]["graphs"][graph]["compute_units"] = unit
    write_manifest(copy, manifest)
    bundle = open_bundle(copy)
    with Session(bundle, "coreml") as session:
        assert session.runtime.name == "Core ML"
        session.classify(pictures / "ant" / "1.png", max_steps=2, threshold=1.0)
    units = {Path(model.package_path).stem: model.compute_unit for model in mac.models}
    assert units["glance"] is ct.ComputeUnit.CPU_AND_NE
    assert units["focus"] is ct.ComputeUnit.CPU_ONLY
    assert units["exit"] is ct.ComputeUnit.ALL
    results = bench(bundle, ["coreml"], rounds=1, warmup=0)
    assert {(result.runtime, result.compute_units) for result in results} == {("Core ML", "mixed")}
    assert compute_units(bundle, "executorch-coreml") == "all"
    assert main(["bench", str(copy), "--target", "coreml", "--rounds", "1", "--warmup", "0"]) == 0
    assert "interpreted" not in capsys.readouterr().out


def test_on_a_mac_what_core_ml_cannot_run_is_one_line(bundle, mac, monkeypatch):
    def refuse(model, data, state=None):
        raise RuntimeError("Error compiling model:\n  line 3")

    monkeypatch.setattr(ct.models.MLModel, "predict", refuse)
    with pytest.raises(UserError, match="graph 'glance': Core ML cannot run it: Error compiling model: line 3"):
        verify(bundle, ["coreml"])


@pytest.mark.parametrize("kind", [kind for kind, (name, *_) in DAMAGE.items() if name == MODEL])
def test_on_a_mac_a_damaged_package_is_refused_before_core_ml_sees_it(copy, mac, kind):
    name, damage, _ = DAMAGE[kind]
    changed(copy, name, damage((copy / name).read_bytes()))
    with pytest.raises(UserError, match=r"focus\.mlpackage"):
        open_runtime(open_bundle(copy), "coreml")


def test_executorch_without_the_delegate_says_so(bundle, mac):
    """Its wheel has the delegate on a Mac only."""
    with pytest.raises(UserError, match=r"\.pte: ExecuTorch cannot load method 'forward'"):
        open_runtime(bundle, "executorch-coreml")


def test_on_a_mac_a_picture_is_given_to_core_ml_as_one(mac, monkeypatch, tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * programs.S**2, 5)).eval()
    with quiet(), torch.no_grad():
        image = ct.ImageType("image", (1, 3, programs.S, programs.S), scale=1 / 255)
        exported = torch.export.export(module, (torch.zeros(1, 3, programs.S, programs.S),)).run_decompositions({})
        model = ct.convert(exported, inputs=[image], outputs=[ct.TensorType("logits")], skip_model_load=True)
        (tmp_path / "b.gfnet").mkdir()
        model.save(str(tmp_path / "b.gfnet" / "net.mlpackage"))
    file = {"path": "net.mlpackage", "inputs": ["image"], "outputs": ["logits"]}
    program = programs.static()
    targets = programs.draft(program)["targets"] | {"coreml": {"graphs": {"net": file}}}
    bundle = programs.make_bundle(tmp_path / "b.gfnet", program, targets=targets)
    pixels = np.random.default_rng(0).integers(0, 256, (programs.S, programs.S, 3), np.uint8)
    seen = []
    logits = np.arange(5, dtype=np.float32)[None]
    predict = lambda model, data, state=None: seen.append(data) or {"logits": logits}  # noqa: E731
    monkeypatch.setattr(ct.models.MLModel, "predict", predict)
    given, found = np.moveaxis(pixels, 2, 0)[None] / np.float32(255), np.zeros((1, 5), np.float32)
    open_runtime(bundle, "coreml").bind("net", {"image": given}, {"logits": found})()
    assert found.tolist() == logits.tolist()
    assert isinstance(seen[0]["image"], Image.Image) and (np.asarray(seen[0]["image"]) == pixels).all()
