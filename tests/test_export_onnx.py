"""ONNX files compute what the eager graphs do, and carry the checkpoint's hash but no trace of the machine."""

import os
import random
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from exported import NETWORKS, PACKAGING, check_cut, cut_graph, largest_difference
from hypothesis import given
from hypothesis import strategies as st
from networks import small_network

from export import onnx as target
from export.graphs import Graph, graphs_of
from gfnet_mobile.quiet import quiet

BACKBONES = {
    "mobilenetv3_small_050": {},
    "regnety_002": {},
    "efficientnet_b0": {},
    "tf_efficientnet_lite0": {},
    "densenet121": {"growth_rate": 8, "block_config": [2, 2, 2, 2]},
    "convnext_atto": {},
    "repvgg_a0": {},
    "resnet18": {},
}


def exported(graph: Graph, folder: Path) -> Path:
    with quiet():
        return folder / target.export(graph, folder, PACKAGING).path


def loaded(path: Path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


@pytest.mark.parametrize("arguments", NETWORKS.values(), ids=NETWORKS)
def test_every_graph_computes_what_eager_does(arguments, tmp_path):
    for graph in graphs_of(small_network(**arguments)):
        run = loaded(exported(graph, tmp_path))
        assert max(largest_difference(graph, run, seed) for seed in range(3)) <= 1e-4, graph.name


SAMPLED = random.Random(os.environ.get("TEST_SEED", "0")).sample(sorted(BACKBONES), 3)


@pytest.mark.parametrize("backbone", sorted(BACKBONES) if os.environ.get("ALL_BACKBONES") else SAMPLED)
def test_any_convolutional_backbone(backbone, tmp_path):
    network = small_network(steps=1, image=64, patch=64, backbone=backbone, options=BACKBONES[backbone])
    glance = graphs_of(network)[0]
    assert largest_difference(glance, loaded(exported(glance, tmp_path)), seed=0) <= 1e-4


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    return loaded(exported(cut_graph(96, 32), tmp_path_factory.mktemp("cut")))


@pytest.mark.parametrize("position", [(0, 0), (0, 64), (64, 0), (64, 64)])
def test_the_crop_is_exact_in_the_corners(cut, position):
    check_cut(cut, 96, 32, position)


@given(position=st.tuples(st.integers(0, 64), st.integers(0, 64)))
def test_the_crop_is_exact_everywhere(cut, position):
    check_cut(cut, 96, 32, position)


def test_the_crop_may_be_the_whole_image(tmp_path):
    check_cut(loaded(exported(cut_graph(32, 32), tmp_path)), 32, 32, (0, 0))


def test_files_name_their_tensors_and_their_checkpoint_and_nothing_of_the_machine(tmp_path):
    for graph in graphs_of(small_network(head="cascade", steps=2)):
        path = exported(graph, tmp_path)
        model = onnx.load(path)
        assert [tensor.name for tensor in model.graph.input] == list(graph.inputs)
        assert [tensor.name for tensor in model.graph.output] == list(graph.outputs)
        assert {entry.key: entry.value for entry in model.metadata_props} == {"checkpoint": PACKAGING.checkpoint}
        assert str(Path(__file__).parents[1]).encode() not in path.read_bytes()
        for tensor in (*model.graph.input, *model.graph.output):
            assert all(side.HasField("dim_value") for side in tensor.type.tensor_type.shape.dim)


def test_weights_that_a_step_does_not_reach_are_not_in_its_file(tmp_path):
    for name, head in (("exit_2", "cascade"), ("exit_1", "regnet")):
        graphs = {graph.name: graph for graph in graphs_of(small_network(head=head, steps=3))}
        model = onnx.load(exported(graphs[name], tmp_path))
        used = {tensor for node in model.graph.node for tensor in node.input}
        assert {tensor.name for tensor in model.graph.initializer} <= used
        largest = max(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)
        assert largest == {"cascade": 5 * 64, "regnet": 3 * 24 * 32}[head]
