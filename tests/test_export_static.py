"""Static networks of any origin become bundles of one step, at each size, with their own preprocessing."""

import json

import numpy as np
import pytest
import timm
import torch
from networks import small_network
from PIL import Image
from torch import nn

from export.bundle import export_bundle
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.models.static import static_checkpoints

CLASSES = 7


def classifier(name, **options):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=CLASSES, **options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
    return model.eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    for name in ("test_resnet", "test_vit"):
        torch.save(classifier(name).state_dict(), folder / f"{name}.pth")
    return folder


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    path = tmp_path_factory.mktemp("static") / "ours.safetensors"
    save_checkpoint(small_network(steps=1, image=64, patch=64), path)
    return path


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_a_bundle_answers_as_timm_does_with_timms_own_preprocessing(name, weights, tmp_path):
    (checkpoint,) = static_checkpoints(name, str(weights / f"{name}.pth"), [160])
    bundle = export_bundle(checkpoint, ["onnx"], tmp_path)
    model = classifier(name)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (6, 8, 3), np.uint8)).resize((330, 250))
    with Session(bundle) as session, torch.no_grad():
        (step,) = session.steps(picture)
        expected = model(transform(picture)[None])[0].numpy()
    assert np.abs(step.logits - expected).max() < 1e-3 * np.abs(expected).max()
    assert len(step.logits) == CLASSES


def test_each_size_is_a_bundle_that_every_target_agrees_on(weights, tmp_path, capsys):
    words = ["--pretrained", str(weights / "test_vit.pth"), "--sizes", "96,128", "--output", str(tmp_path)]
    targets = [word for one in ("onnx", "executorch", "coreml") for word in ("--target", one)]
    assert main(["export-static", "test_vit", *words, *targets]) == 0
    assert f"compare DYNAMIC.gfnet {tmp_path / 'test_vit-96.gfnet'} {tmp_path / 'test_vit-128.gfnet'}" in (
        capsys.readouterr().out
    )
    bundles = [open_bundle(tmp_path / f"test_vit-{size}.gfnet") for size in (96, 128)]
    for bundle, size in zip(bundles, (96, 128), strict=True):
        assert len(bundle.manifest.steps) == 1 and bundle.manifest.preprocessing.size == size
        assert bundle.manifest.preprocessing.resize == int(size / 0.95)
        report = verify(bundle, ["onnx", "executorch", "coreml"])
        assert report.rows and all(row.ok for row in report.rows)
    assert len({bundle.manifest.checkpoint for bundle in bundles}) == 2  # logits of one are none of the other's


def test_a_static_network_of_ours_takes_images_of_other_sizes(static, tmp_path, capsys):
    assert main(["export-static", str(static), "--sizes", "64,96", "--target", "onnx", "--output", str(tmp_path)]) == 0
    for size in (64, 96):
        bundle = open_bundle(tmp_path / f"small-cascade-1-{size}.gfnet")
        assert bundle.manifest.preprocessing.resize == size
        assert bundle.manifest.labels == ("ant", "bee", "cat", "dog", "elk")
        assert all(row.ok for row in verify(bundle, ["onnx"]).rows)
    assert main(["export-static", str(static), "--target", "onnx", "--output", str(tmp_path)]) == 0
    assert open_bundle(tmp_path / "small-cascade-1.gfnet").manifest.preprocessing.size == 64


def test_labels_and_compression_are_those_of_export(weights, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("".join(f"thing {number}\n" for number in range(CLASSES)))
    words = ["--pretrained", str(weights / "test_resnet.pth"), "--sizes", "96", "--target", "onnx"]
    options = ["--labels", str(tmp_path / "names.txt"), "--compress", "int8", "--output", str(tmp_path)]
    assert main(["export-static", "test_resnet", *words, *options]) == 0
    bundle = open_bundle(tmp_path / "test_resnet-96.gfnet")
    assert bundle.manifest.labels[0] == "thing 0" and bundle.target("onnx").compression == "int8"
    assert json.loads((bundle.folder / "manifest.json").read_text())["targets"]["onnx"]["graphs"].keys() == {"static"}


def test_weights_that_timm_downloads_bring_imagenets_names(monkeypatch):
    real = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **options: real(name, **options | {"pretrained": False}))
    (checkpoint,) = static_checkpoints("test_resnet", "timm", [])
    config = checkpoint.model.config
    assert (config.classes, config.image, len(config.labels), config.labels[0][:5]) == (1000, 160, 1000, "tench")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["nothing_like_it", "--pretrained", "timm"],
            "neither a checkpoint file nor a timm classifier; none is like it",
        ),
        (["test_resne", "--pretrained", "timm"], "test_resnet is like it"),
        (["test_resnet.unknown", "--pretrained", "timm"], "Invalid pretrained tag (unknown)"),
        (["test_resnet"], "no such file; a timm name needs --pretrained FILE, or --pretrained timm"),
        (["test_resnet", "--pretrained", "nowhere.pth"], "nowhere.pth: no such file"),
        (
            ["test_resnet", "--pretrained", "{weights}/test_vit.pth"],
            "its weights cannot be loaded: Error(s) in loading",
        ),
        (["{static}", "--pretrained", "timm"], "is a checkpoint and has weights of its own"),
        (["demo", "--sizes", "96"], "is no static network, it has 4 steps; gfnet-mobile export takes it"),
        (["{static}", "--sizes", "64,wide"], "--sizes 64,wide: one number or several, such as 96,128"),
        (["{static}", "--sizes", "4"], "sizes 4: each once, 8 to 4096 pixels"),
        (["{static}", "--target", "tflite"], "unknown target 'tflite'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(words, message, static, weights, tmp_path, capsys):
    words = [word.format(static=static, weights=weights) for word in words]
    assert main(["export-static", *words, "--target", "onnx", "--output", str(tmp_path / "bundles")]) == 2
    said = capsys.readouterr().err
    assert message in said and len(said.splitlines()) == 1
    assert not (tmp_path / "bundles").exists()


def test_preprocessing_that_a_bundle_cannot_describe_is_refused(monkeypatch, weights):
    data = {"input_size": (3, 160, 160), "interpolation": "bicubic", "crop_mode": "squash", "crop_pct": 1.0}
    monkeypatch.setattr("gfnet_mobile.models.static.resolve_model_data_config", lambda model: data)
    with pytest.raises(UserError, match="prepares images by 'bicubic' and 'squash'; a bundle can do"):
        static_checkpoints("test_resnet", str(weights / "test_resnet.pth"), [96])
