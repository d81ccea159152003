"""From a checkpoint to a bundle: whole or not at all, the same twice, and it runs."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import small_network
from PIL import Image

import export
from export.bundle import export_bundle
from export.golden import golden_images
from gfnet_mobile.bundle.golden import read_golden
from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.models.checkpoint import save_checkpoint

RULE = ExitRule(measure="max_softmax", temperature=(1, 1), thresholds=(0.5,))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    save_checkpoint(small_network(policy="conv", head="recurrent", steps=2), path, {"default": RULE})
    return path


@pytest.fixture(scope="module")
def bundle(checkpoint, tmp_path_factory):
    return export_bundle(checkpoint, list(export.TARGETS), tmp_path_factory.mktemp("bundles"))


def test_every_target_that_runs_here_agrees_with_the_golden_vectors(bundle):
    report = verify(bundle, list(export.TARGETS))
    assert {row.target for row in report.rows} == set(export.TARGETS)
    assert all(row.ok for row in report.rows)
    assert report.not_run == {}


@pytest.mark.parametrize("target", export.TARGETS)
def test_a_session_takes_the_steps_of_the_eager_network(bundle, target):
    model = small_network(policy="conv", head="recurrent", steps=2)
    with Session(bundle, target) as session:
        for pixels in golden_images(model)[:3]:
            image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
            with torch.no_grad():
                eager = list(model.steps(model.normalise(image)))
            for step, expected in zip(session.steps(from_pixels(pixels)), eager, strict=True):
                place = expected.position
                assert step.position == (None if place is None else tuple(place[0].tolist()))
                assert np.abs(step.logits - expected.logits[0].numpy()).max() <= 1e-4 * expected.logits.abs().max()


def test_the_manifest_says_where_it_came_from(bundle):
    manifest = bundle.manifest
    assert manifest.name == "small-recurrent-2"
    assert manifest.rules == {"default": RULE}
    assert manifest.default_rule == "default"
    assert manifest.labels == ("ant", "bee", "cat", "dog", "elk")
    assert {"gfnet-mobile", "torch", "timm", "onnx", "executorch"} <= set(manifest.tools)


def test_one_checkpoint_has_one_identity(bundle, checkpoint, tmp_path):
    """Another process that hashes strings differently writes the same files for all targets."""
    command = [sys.executable, "-m", "gfnet_mobile", "export", str(checkpoint), "--output", str(tmp_path)]
    targets = [word for target in export.TARGETS for word in ("--target", target)]
    environment = os.environ | {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *targets], env=environment, check=True, capture_output=True)
    contents = [
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (bundle.folder, tmp_path / bundle.folder.name)
    ]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2 + 4 + 4 + (3 * 4 + 1) + (4 + 1)  # packages are folders; probes lie beside programs


def test_without_rules_no_step_ends_the_sequence_early(tmp_path):
    save_checkpoint(small_network(steps=1, image=64, patch=64), tmp_path / "static.safetensors")
    bundle = export_bundle(tmp_path / "static.safetensors", ["onnx"], tmp_path, name="still")
    assert bundle.folder == tmp_path / "still.gfnet"
    assert bundle.manifest.default_rule == "last_step"
    assert bundle.manifest.rules["last_step"].thresholds == ()
    assert set(bundle.manifest.registers) == {"image", "logits"}


def test_golden_images_may_be_ones_own(checkpoint, tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(2):
        Image.new("RGB", (120, 100), (number * 50, 20, 200)).save(tmp_path / "pictures" / f"{number}.png")
    bundle = export_bundle(checkpoint, ["onnx"], tmp_path, golden=tmp_path / "pictures")
    assert read_golden(bundle)["images"][:, 0, 0].tolist() == [[0, 20, 200], [50, 20, 200]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "tflite"], "unknown target 'tflite'; known are onnx, executorch, coreml"),
        (["--target", "onnx", "--name", "../up"], "name '../up'"),
        (["--target", "onnx", "--compress", "zip"], "--compress zip: unknown form 'zip'; known are none, fp16, int8"),
        (["--target", "onnx", "--compress", "glanse=int8"], "--compress: no graph 'glanse'; the network has glance"),
        (["--target", "onnx", "--compress", "focus=palette4"], "--compress palette4: target 'onnx' knows none"),
        (["--target", "onnx", "--compress", "fp16", "--compress", "int8"], "said twice for all graphs"),
        (["--target", "onnx", "--golden-images", "nowhere"], "nowhere: no such folder of golden images"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(checkpoint, arguments, message, tmp_path, capsys):
    output = tmp_path / "bundles"
    assert main(["export", str(checkpoint), "--output", str(output), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not output.exists()


def test_a_folder_that_is_no_bundle_is_not_replaced(checkpoint, tmp_path):
    precious = tmp_path / "small-recurrent-2.gfnet" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    with pytest.raises(UserError, match="exists and is no bundle"):
        export_bundle(checkpoint, ["onnx"], tmp_path)
    assert precious.read_text() == "mine"


def test_an_export_that_fails_leaves_nothing(checkpoint, tmp_path, monkeypatch):
    class Broken:
        TOOLS, COMPRESSIONS = (), ("none",)

        @staticmethod
        def export(graph, bundle, checkpoint, compression):
            raise RuntimeError("No ONNX function found for <OpOverload(op='aten.grid_sampler_3d', overload='default')>")

    monkeypatch.setattr("export.bundle.load_target", lambda name: Broken)
    with pytest.raises(UserError, match=r"graph 'glance' cannot be exported to onnx: aten.grid_sampler_3d"):
        export_bundle(checkpoint, ["onnx"], tmp_path)
    assert list(tmp_path.iterdir()) == []
