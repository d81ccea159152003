"""Joined graphs: the same answers from fewer calls, and no weight twice."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from exported import NETWORKS, PACKAGING, random_inputs
from networks import small_network

from export import onnx
from export.bundle import export_bundle
from export.fuse import fused
from export.graphs import graphs_of
from export.program import steps_of
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.quiet import quiet

with quiet():
    from executorch.runtime import Runtime

    from export import executorch

CALLS = {
    "value map, cascade": [["glance_exit_1"], ["value_map", "policy_focus", "exit_2"], ["policy_focus", "exit_3"]],
    "value map of a cut glance": [["glance_exit_1"], ["policy_focus", "exit_2"], ["policy_focus", "exit_3"]],
    "conv GRU, recurrent": [["glance", "exit"], ["policy_focus", "exit"], ["policy_focus", "exit"]],
    "linear GRU, glance classifier, bicubic": [["glance_exit_1"], ["policy_focus_exit"], ["policy_focus_exit"]],
    "static": [["static"]],
}


def parts(name, crop="slice"):
    model = small_network(**NETWORKS[name])
    graphs = graphs_of(model, crop)
    return graphs, steps_of(model.config, graphs)


def loaded(module, graph, path):
    """A written graph as a function of its tensors by name."""
    if module is onnx:
        session = onnxruntime.InferenceSession(path)
        return lambda inputs: dict(
            zip(graph.outputs, session.run(None, {name: value.numpy() for name, value in inputs.items()}), strict=True)
        )
    method = Runtime.get().load_program(path).load_method("forward")
    return lambda inputs: dict(
        zip(graph.outputs, (one.numpy().copy() for one in method.execute([*inputs.values()])), strict=True)
    )


def called(steps):
    return [[call.graph for call in step.calls] for step in steps]


def weights(graphs):
    """Elements of the weights that each graph's outputs depend on: those that a file of it holds."""
    total = 0
    for graph in graphs:
        program = torch.export.export(graph.module, tuple(graph.inputs.values()))
        total += sum(value.numel() for value in program.state_dict.values())
    return total


@pytest.mark.parametrize("name", CALLS)
def test_what_always_follows_is_joined(name):
    graphs, steps = fused(*parts(name))
    assert called(steps) == CALLS[name]
    assert {graph.name for graph in graphs} == {graph for step in CALLS[name] for graph in step}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_is_of_its_graph_with_all_its_tensors(name):
    graphs, steps = fused(*parts(name))
    named = {graph.name: graph for graph in graphs}
    for call in (call for step in steps for call in step.calls):
        assert list(call.inputs) == list(named[call.graph].inputs)
        assert tuple(call.outputs) == named[call.graph].outputs
        assert not set(call.inputs) & set(call.outputs)  # files are in single-assignment form


def test_nothing_is_handed_on_that_nobody_reads():
    graphs, _ = fused(*parts("linear GRU, glance classifier, bicubic"))
    outputs = {graph.name: set(graph.outputs) for graph in graphs}
    assert outputs["glance_exit_1"] == {"state", "logits", "memory_out"}
    assert outputs["policy_focus_exit"] == {"position", "hidden_out", "state_out", "logits", "memory_out"}


@pytest.mark.parametrize("name", CALLS)
def test_no_weight_is_stored_twice(name):
    graphs, steps = parts(name)
    assert weights(fused(graphs, steps)[0]) <= weights(graphs)


def test_a_patch_that_the_host_cuts_keeps_policy_and_focus_apart():
    _, steps = fused(*parts("value map, cascade", crop="host"))
    assert called(steps)[2] == ["policy", "crop", "focus", "exit_3"]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("onnx", "linear GRU, glance classifier, bicubic"),
        ("executorch", "conv GRU, recurrent"),
        ("coreml", "value map, cascade"),
    ],
)
def test_a_fused_bundle_gives_what_the_eager_network_does(target, name, tmp_path):
    save_checkpoint(small_network(**NETWORKS[name]), tmp_path / "model.safetensors")
    bundle = export_bundle(tmp_path / "model.safetensors", [target], tmp_path, fuse=True)
    rows = verify(bundle, [target]).rows
    assert {row.graph for row in rows} == {graph for step in CALLS[name] for graph in step}
    assert all(row.ok for row in rows)


@pytest.mark.parametrize("module", [onnx, executorch])
def test_a_policy_keeps_its_arithmetic_beside_an_encoder_in_8_bits(module, tmp_path):
    graphs, _ = fused(*parts("conv GRU, recurrent"))
    look = next(graph for graph in graphs if graph.name == "policy_focus")
    inputs = [{tensor: torch.from_numpy(v) for tensor, v in random_inputs(look, seed).items()} for seed in range(4)]
    observed = replace(look, samples=tuple(inputs))
    sizes = {}
    for form in ("none", "int8"):
        with quiet():
            file = module.export(observed, tmp_path, PACKAGING, form)
        sizes[form] = (tmp_path / file.path).stat().st_size
        run = loaded(module, look, tmp_path / file.path)
        for sample in inputs:
            eager = dict(zip(look.outputs, look.module(*sample.values()), strict=True))
            found = run(sample)
            assert (found["position"] == eager["position"].numpy()).all()
            np.testing.assert_allclose(found["hidden_out"], eager["hidden_out"].detach(), atol=2e-3)
            off = np.abs(found["feature"] - eager["feature"].detach().numpy()).max()
            assert (off < 1e-4) if form == "none" else (1e-4 < off < 1)
    assert sizes["int8"] < 0.9 * sizes["none"]
