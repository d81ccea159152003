"""What an app developer finds in a Core ML package: pictures, labels, descriptions, one file for all graphs."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import NETWORKS, PACKAGING, largest_difference, random_inputs
from networks import small_network

from export.bundle import export_bundle
from export.graphs import graphs_of
from gfnet_mobile.cli.app import main
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.models.config import About
from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools as ct
    from coremltools.proto import FeatureTypes_pb2

    from export import coreml as target
    from export.coreml_multifunction import joined
    from gfnet_mobile.mlprogram import load
    from gfnet_mobile.mlprogram.package import open_package
    from gfnet_mobile.mlprogram.program import read_function

STATIC = {"steps": 1, "image": 64, "patch": 64}
REGNET = NETWORKS["linear GRU, glance classifier, bicubic"]
NAMES = {"state": "state_map"}
LABELS = ("ant", "bee", "cat", "dog", "elk")


def exported(graph, folder, packaging=PACKAGING, form="none"):
    """The package's folder and its specification."""
    with quiet():
        path = folder / target.export(graph, folder, packaging, form).path
        return path, ct.utils.load_spec(str(path))


def all_exported(network, folder, form="none"):
    """Every graph's file, as functions for iOS 18."""
    with quiet():
        return {
            graph.name: target.export(graph, folder, replace(PACKAGING, ios=18), form) for graph in graphs_of(network)
        }


def predicted(program, graph, inputs):
    found = program.predict({NAMES.get(tensor, tensor): value for tensor, value in inputs.items()})
    return {tensor: found[NAMES.get(tensor, tensor)] for tensor in graph.outputs}


def weights_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("weight.bin"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "small.safetensors"
    save_checkpoint(small_network(policy="conv", head="recurrent"), path)
    return path


@pytest.mark.parametrize("form", ["none", "fp16"])
def test_an_image_input_takes_pixels_and_computes_what_the_tensor_did(form, tmp_path):
    packaging = replace(PACKAGING, image_input=True)
    graphs = {graph.name: graph for graph in graphs_of(small_network(policy="conv", head="recurrent"))}
    for name in ("glance", "policy"):
        graph = graphs[name]
        path, specification = exported(graph, tmp_path, packaging, form)
        described = {one.name: one.type for one in specification.description.input}["image"].imageType
        assert described.colorSpace == FeatureTypes_pb2.ImageFeatureType.RGB
        assert (described.height, described.width) == (96, 96)
        pixels = np.random.default_rng(2).integers(0, 256, (96, 96, 3), np.uint8)
        inputs = random_inputs(graph, 2) | {"image": pixels.transpose(2, 0, 1)[None].astype(np.float32) / 255}
        with torch.no_grad():
            eager = graph.module(*(torch.from_numpy(value) for value in inputs.values()))
        found = load(path).predict({NAMES.get(t, t): value for t, value in inputs.items()} | {"image": pixels})
        for tensor, value in zip(graph.outputs, eager, strict=True):
            difference = np.abs(found[NAMES.get(tensor, tensor)] - value.numpy()).max()
            assert difference <= (1e-5 if form == "none" or tensor == "patch" else 5e-3) * value.abs().max(), tensor


def test_what_takes_no_image_is_as_without_image_input(tmp_path):
    graph = next(graph for graph in graphs_of(small_network()) if graph.name == "focus")
    _, specification = exported(graph, tmp_path, replace(PACKAGING, image_input=True))
    assert specification.description.input[0].type.WhichOneof("Type") == "multiArrayType"


def test_a_static_network_with_labels_is_a_classifier_whose_logits_stay(tmp_path):
    (graph,) = graphs_of(small_network(**STATIC))
    path, specification = exported(graph, tmp_path, replace(PACKAGING, labels=LABELS, image_input=True))
    assert specification.description.predictedFeatureName == "classLabel"
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    found = load(path).predict({"image": pixels})
    with torch.no_grad():
        (logits,) = graph.module(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255)
    assert np.abs(found["logits"] - logits.numpy()).max() <= 1e-5 * logits.abs().max()
    assert found["classLabel"] == LABELS[int(logits.argmax())]
    probabilities = dict(zip(LABELS, logits.softmax(1)[0].tolist(), strict=True))
    assert found["classLabel_probs"] == pytest.approx(probabilities, rel=1e-4)


@pytest.mark.parametrize("labels", [("ant", "ant", "cat", "dog", "elk"), None])
def test_labels_that_are_not_one_a_class_make_no_classifier(labels, tmp_path):
    """Core ML gives probabilities by label."""
    (graph,) = graphs_of(small_network(**STATIC))
    _, specification = exported(graph, tmp_path, replace(PACKAGING, labels=labels))
    assert [one.name for one in specification.description.output] == ["logits"]


def test_a_static_bundle_with_labels_and_pictures_is_verified(tmp_path):
    save_checkpoint(small_network(**STATIC), tmp_path / "still.safetensors")
    bundle = export_bundle(tmp_path / "still.safetensors", ["coreml"], tmp_path, image_input=True)
    assert bundle.target("coreml").graphs["static"].pictures == ("image",)
    report = verify(bundle, ["coreml"])
    assert report.rows
    assert all(row.ok for row in report.rows)
    assert not any(one.problem for one in report.probed)


def test_other_networks_carry_their_labels_as_metadata(tmp_path):
    graph = graphs_of(small_network())[1]
    _, specification = exported(graph, tmp_path, replace(PACKAGING, labels=LABELS))
    assert [one.name for one in specification.description.output] == ["logits"]
    assert json.loads(specification.description.metadata.userDefined["labels"]) == list(LABELS)


def test_xcode_is_told_who_made_what(tmp_path):
    about = About(author="A. Name", licence="MIT", version="2.1", description="Insects")
    graph = next(graph for graph in graphs_of(small_network(policy="conv")) if graph.name == "policy")
    _, specification = exported(graph, tmp_path, replace(PACKAGING, about=about))
    metadata = specification.description.metadata
    assert (metadata.author, metadata.license, metadata.versionString) == ("A. Name", "MIT", "2.1")
    assert metadata.shortDescription == "Insects: policy, where to look next"
    assert metadata.userDefined["checkpoint"] == PACKAGING.checkpoint
    features = [*specification.description.input, *specification.description.output]
    assert len(features) == 6
    assert all(feature.shortDescription for feature in features)


def test_what_a_checkpoint_says_of_itself_can_be_replaced(tmp_path):
    network = small_network(**STATIC)
    network.config = network.config.model_copy(update={"about": About(author="A. Name", licence="MIT")})
    save_checkpoint(network, tmp_path / "still.safetensors")
    bundle = export_bundle(tmp_path / "still.safetensors", ["coreml"], tmp_path, about={"author": "B. Name"})
    metadata = ct.utils.load_spec(str(bundle.path("coreml/static.mlpackage"))).description.metadata
    assert (metadata.author, metadata.license) == ("B. Name", "MIT")
    assert metadata.shortDescription.startswith(bundle.manifest.name)


@pytest.mark.parametrize("ios", [16, 17, 18])
@pytest.mark.parametrize("form", ["none", "int8", "palette6"])
def test_programs_for_each_system_compute_the_same(ios, form, tmp_path):
    packaging = replace(PACKAGING, ios=ios)
    allowed = {"none": 1e-5, "int8": 0.1, "palette6": 0.3}[form]
    for graph in graphs_of(small_network(policy="conv", head="recurrent")):
        path, specification = exported(graph, tmp_path, packaging, form)
        assert specification.specificationVersion == target.SYSTEMS[ios]
        if "position" not in graph.outputs:
            assert largest_difference(graph, partial(predicted, load(path, "fp16"), graph), 3) <= allowed, graph.name


@pytest.mark.parametrize("form", ["none", "palette4"])
def test_one_package_has_every_graph_and_stores_shared_weights_once(form, tmp_path):
    files = all_exported(small_network(**REGNET), tmp_path, form)
    before = {graph: read_function(open_package(tmp_path / file.path)) for graph, file in files.items()}
    apart = weights_of(tmp_path)
    with quiet():
        together = joined(files, tmp_path, "net")
    assert {file.path for file in together.values()} == {"coreml/net.mlpackage"}
    assert {graph: file.entry for graph, file in together.items()} == {graph: graph for graph in files}
    assert [path.name for path in (tmp_path / "coreml").iterdir()] == ["net.mlpackage"]
    assert apart - weights_of(tmp_path) > 2 * 72 * 24  # bytes of half the GRU that exit_1 has in common with exit
    for graph, alone in before.items():
        function = read_function(open_package(tmp_path / "coreml" / "net.mlpackage"), graph)
        assert (function.inputs, function.outputs) == (alone.inputs, alone.outputs)
        assert [one.kind for one in function.operators] == [one.kind for one in alone.operators]


def test_one_package_is_the_same_bytes_each_time(tmp_path):
    contents = []
    for turn in ("1", "2"):
        with quiet():
            joined(all_exported(small_network(**REGNET), tmp_path / turn), tmp_path / turn, "net")
        files = sorted(path for path in (tmp_path / turn).rglob("*") if path.is_file())
        contents.append([path.read_bytes() for path in files])
    assert contents[0] == contents[1]


def test_a_bundle_of_one_package_is_verified_and_its_size_counts_once(checkpoint, tmp_path, capsys):
    command = ["export", str(checkpoint), "--target", "coreml", "--ios", "18", "--multifunction", "--image-input"]
    assert main([*command, "--output", str(tmp_path)]) == 0
    package = next(tmp_path.glob("*.gfnet/coreml/*.mlpackage"))
    kilobytes = sum(path.stat().st_size for path in package.rglob("*") if path.is_file()) / 1000
    assert f"total {kilobytes:.0f}" in " ".join(capsys.readouterr().out.split())
    assert main(["verify", str(package.parents[1])]) == 0
    assert main(["inspect", str(package.parents[1]), "--graph", "policy"]) == 0
    assert "image picture 96 x 96 RGB" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["one-hot", "host"])
def test_every_way_to_cut_a_patch_is_verified_on_every_target(form, checkpoint, tmp_path):
    targets = ["onnx", "executorch", "coreml"]
    bundle = export_bundle(checkpoint, targets, tmp_path, crop=form)
    report = verify(bundle, targets)
    assert {row.target for row in report.rows} == set(targets)
    assert all(row.ok for row in report.rows)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--target", "coreml", "--multifunction"], "--multifunction: packages of several functions"),
        (["--target", "coreml", "--ios", "17", "--multifunction"], "add --ios 18"),
        (["--target", "onnx", "--image-input"], "--image-input: is about Core ML graphs; add --target coreml"),
        (["--target", "onnx", "--ios", "17"], "--ios: is about Core ML graphs"),
        (["--target", "coreml", "--ios", "15"], "--ios 15: must be one of 16, 17, 18"),
        (["--target", "coreml", "--crop", "round"], "--crop round: must be one of slice, one-hot, host"),
        (["--target", "coreml", "--about", "owner=me"], "--about owner=me: must be FIELD=TEXT"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, line, tmp_path, capsys):
    assert main(["export", "demo", *options, "--output", str(tmp_path)]) == 2
    assert line in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
