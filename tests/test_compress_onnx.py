"""Compressed ONNX files: how small, how near to the eager graphs, and as fast to run as any."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from exported import NETWORKS, PACKAGING, random_inputs
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from networks import small_network
from test_export_onnx import loaded

from export import onnx as target
from export.graphs import Graph, graphs_of
from export.onnx_compress import quantised
from gfnet_mobile.quiet import quiet

ENCODERS = ("glance", "focus", "static")
NEAR = {"fp16": 5e-3, "int8": 0.1}
SHARE = {"fp16": 0.6, "int8": 0.4}
"""of the float32 file; these networks are small, nodes and names are a good part of their files"""


def exported(graph: Graph, folder: Path, form: str) -> Path:
    with quiet():
        file = target.export(graph, folder, PACKAGING, form)
    assert file.compression == form
    return folder / file.path


def outputs(graph: Graph, seed: int) -> tuple[dict, dict]:
    inputs = random_inputs(graph, seed)
    with torch.no_grad():
        eager = graph.module(*(torch.from_numpy(value) for value in inputs.values()))
    return inputs, {tensor: value.numpy() for tensor, value in zip(graph.outputs, eager, strict=True)}


@pytest.mark.parametrize("form", NEAR)
@pytest.mark.parametrize("name", ["value map, cascade", "linear GRU, glance classifier, bicubic", "static"])
def test_outputs_stay_near_and_keep_their_types(name, form, tmp_path):
    for graph in graphs_of(small_network(**NETWORKS[name])):
        run = loaded(exported(graph, tmp_path, form))
        inputs, expected = outputs(graph, seed=0)
        found = run(inputs)
        for tensor, value in expected.items():
            assert found[tensor].dtype == value.dtype
            if tensor not in ("position", "patch"):
                assert np.abs(found[tensor] - value).max() <= NEAR[form] * np.abs(value).max(), (graph.name, tensor)


@pytest.mark.parametrize("form", NEAR)
def test_files_shrink(form, tmp_path):
    glance = graphs_of(small_network(options={"channels": [16, 32, 64, 128]}))[0]
    whole = exported(glance, tmp_path, "none").stat().st_size
    assert exported(glance, tmp_path, form).stat().st_size <= SHARE[form] * whole


@pytest.mark.parametrize("form", NEAR)
def test_runtime_makes_the_weights_whole_when_it_loads_them(form, tmp_path):
    glance = graphs_of(small_network())[0]
    nodes = {}
    for word in ("none", form):
        options = ort.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
        options.log_severity_level = 3
        ort.InferenceSession(str(exported(glance, tmp_path, word)), options, providers=["CPUExecutionProvider"])
        nodes[word] = sorted(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    assert nodes[form] == nodes["none"]


def test_a_resize_matrix_is_no_weight(tmp_path):
    glance = graphs_of(small_network(policy="conv", glance_filter="bicubic"))[0]
    graph = onnx.load(exported(glance, tmp_path, "int8")).graph
    sizes = [tuple(tensor.dims) for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]
    assert {(32, 96), (96, 32)} <= set(sizes)
    assert any(tensor.data_type == onnx.TensorProto.INT8 for tensor in graph.initializer)


def test_float16_leaves_a_value_beyond_its_range_alone(tmp_path):
    network = small_network(steps=1, image=64, patch=64, options={"channels": [16, 16, 16, 32]})
    glance = graphs_of(network)[0]
    with torch.no_grad():
        next(p for p in glance.module.parameters() if p.ndim == 4 and p.numel() >= 2000)[0, 0, 0, 0] = 1e6
    inputs, expected = outputs(glance, seed=0)
    found = loaded(exported(glance, tmp_path, "fp16"))(inputs)
    for tensor, value in expected.items():
        assert np.abs(found[tensor] - value).max() <= NEAR["fp16"] * np.abs(value).max()


@given(
    weight=arrays(np.float32, array_shapes(min_dims=2, max_dims=4, max_side=5), elements=st.floats(-8, 8, width=32)),
    data=st.data(),
)
def test_an_int8_weight_is_off_by_half_a_step_of_its_channel_at_most(weight, data):
    axis = data.draw(st.sampled_from([-1, *range(weight.ndim)]))
    small, scale = quantised(weight, axis)
    assert small.min() >= -127
    channels = [1] * weight.ndim
    channels[axis] = weight.shape[axis]
    assert scale.shape == tuple(channels)
    assert (np.abs(small * scale - weight) <= scale * 0.501).all()


def seen(graph: Graph, scale: float = 1.0) -> Graph:
    """``graph`` with a few inputs that it might get."""
    samples = [
        {tensor: torch.from_numpy(value * np.float32(scale)) for tensor, value in random_inputs(graph, seed).items()}
        for seed in range(8)
    ]
    return replace(graph, samples=tuple(samples))


@pytest.mark.parametrize(
    "name", ["value map, cascade", "linear GRU, glance classifier, bicubic", "conv GRU, recurrent", "static"]
)
def test_with_inputs_to_observe_an_encoder_computes_in_integers(name, tmp_path):
    for graph in map(seen, graphs_of(small_network(**NETWORKS[name]))):
        path = exported(graph, tmp_path, "int8")
        inputs, expected = outputs(graph, seed=0)
        found = loaded(path)(inputs)
        for tensor, value in expected.items():
            assert (found[tensor].dtype, found[tensor].shape) == (value.dtype, value.shape)
            if tensor not in ("position", "patch"):
                assert np.abs(found[tensor] - value).max() <= 0.15 * np.abs(value).max(), (graph.name, tensor)
        model = onnx.load(path).graph
        small = {tensor.name for tensor in model.initializer if tensor.data_type == onnx.TensorProto.INT8}
        convolutions = [node for node in model.node if node.op_type == "Conv"]
        if graph.name in ENCODERS:
            made = {output: node for node in model.node for output in node.output}
            assert convolutions and all(made[node.input[1]].input[0] in small for node in convolutions)
            assert all(made[node.input[0]].op_type == "DequantizeLinear" for node in convolutions)
            assert made.get("logits", made[graph.outputs[0]]).op_type != "DequantizeLinear"


def test_what_places_or_answers_is_not_touched_by_observed_inputs(tmp_path):
    for name in ("value map, cascade", "conv GRU, recurrent"):
        for graph in graphs_of(small_network(**NETWORKS[name])):
            if graph.name not in ENCODERS:
                plain = exported(graph, tmp_path, "int8").read_bytes()
                assert exported(seen(graph), tmp_path, "int8").read_bytes() == plain, graph.name


def test_the_small_image_that_a_value_map_reads_stays_exact(tmp_path):
    glance = seen(graphs_of(small_network(**NETWORKS["value map, cascade"]))[0])
    whole, small = (loaded(exported(glance, tmp_path, form)) for form in ("none", "int8"))
    inputs = random_inputs(glance, seed=3)
    assert np.array_equal(whole(inputs)["small_image"], small(inputs)["small_image"])


def test_a_convolution_that_leaves_out_pixels_stays_exact(tmp_path):
    graph = seen(graphs_of(small_network(**NETWORKS["every third pixel, RGB as it is"]))[0])
    file = onnx.load(exported(graph, tmp_path, "int8"))
    (first,) = (node for node in file.graph.node if "image" in node.input)
    assert first.op_type == "Conv"
    assert any(node.op_type == "QuantizeLinear" for node in file.graph.node)


def test_ranges_are_those_of_the_observed_inputs(tmp_path):
    """What lies far outside is cut off; on an image as bright as those that were seen it is not."""
    focus = next(graph for graph in graphs_of(small_network()) if graph.name == "focus")
    inputs = {tensor: 8 * value for tensor, value in random_inputs(focus, seed=0).items()}
    with torch.no_grad():
        expected = focus.module(*(torch.from_numpy(value) for value in inputs.values()))[0].numpy()
    errors = []
    for scale in (1, 8):
        found = loaded(exported(seen(focus, scale), tmp_path, "int8"))(inputs)
        errors.append(np.abs(found["feature"] - expected).max() / np.abs(expected).max())
    assert errors[0] > 0.3 > 0.15 > errors[1]


def test_the_same_inputs_give_the_same_file(tmp_path):
    glance = seen(graphs_of(small_network(**NETWORKS["conv GRU, recurrent"]))[0])
    first = exported(glance, tmp_path, "int8").read_bytes()
    assert exported(glance, tmp_path, "int8").read_bytes() == first
    assert exported(seen(glance, 0.5), tmp_path, "int8").read_bytes() != first
