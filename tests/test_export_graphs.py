"""The graphs, called by the program, are the network."""

import pytest
import torch
from exported import NETWORKS, cut_graph
from networks import small_network

from export.crop import FORMS, CropForm
from export.golden import golden_images, golden_tensors
from export.graphs import graphs_of
from export.program import registers_of, steps_of
from gfnet_mobile.bundle.manifest import CROP
from gfnet_mobile.models.network import GlanceFocusNet


def walk(model: GlanceFocusNet, image: torch.Tensor, form: CropForm) -> dict[str, torch.Tensor]:
    """Every output of every call by its golden name, made by the graphs' modules as a runner would."""
    graphs = {graph.name: graph for graph in graphs_of(model, form)}
    steps = steps_of(model.config, list(graphs.values()))
    graphs[CROP] = cut_graph(model.config.image, model.config.patch)
    registers = {name: torch.zeros(register.shape) for name, register in registers_of(model, steps).items()}
    registers["image"] = image
    outputs = {}
    for index, step in enumerate(steps):
        for call in step.calls:
            graph = graphs[call.graph]
            with torch.no_grad():
                results = graph.module(*(registers[call.inputs[tensor]] for tensor in graph.inputs))
            for tensor, result in zip(graph.outputs, results, strict=True):
                assert result.shape == registers[call.outputs[tensor]].shape
                registers[call.outputs[tensor]] = result
                outputs[f"{index}.{call.graph}.{tensor}"] = result
    return outputs


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("arguments", NETWORKS.values(), ids=NETWORKS)
def test_the_program_computes_what_the_network_does(arguments, form):
    model = small_network(**arguments)
    steps = steps_of(model.config, graphs_of(model, form))
    images = golden_images(model)[:2]
    golden = golden_tensors(model, steps, images)
    for number, pixels in enumerate(images):
        found = walk(model, torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255, form)
        assert set(found) == set(golden)
        for name, value in found.items():
            expected = torch.from_numpy(golden[name][number : number + 1])
            if name.endswith(("position", "patch")):
                assert torch.equal(value, expected), name
            else:  # the graphs normalise after the resize, the network before it
                assert (value - expected).abs().max() <= 2e-6 * expected.abs().max(), name


@pytest.mark.parametrize(
    ("head", "steps", "names"),
    [
        ("cascade", 3, ["glance", "exit_1", "policy", "focus", "exit_2", "exit_3"]),
        ("recurrent", 3, ["glance", "exit", "policy", "focus"]),
        ("regnet", 3, ["glance", "exit_1", "policy", "focus", "exit"]),
        ("cascade", 1, ["static"]),
        ("recurrent", 1, ["static"]),
        ("regnet", 1, ["static"]),
    ],
)
def test_steps_share_a_graph_where_they_share_weights(head, steps, names):
    assert [
        graph.name for graph in graphs_of(small_network(policy="conv", head=head, steps=steps, image=64, patch=64))
    ] == names


def test_a_value_map_is_a_graph_of_the_second_step_alone():
    model = small_network(policy="value_map", steps=3)
    calls = [[call.graph for call in step.calls] for step in steps_of(model.config, graphs_of(model))]
    assert calls == [
        ["glance", "exit_1"],
        ["value_map", "policy", "focus", "exit_2"],
        ["policy", "focus", "exit_3"],
    ]


def test_a_glance_that_is_cut_gives_the_map():
    model = small_network(policy="value_map", glance_reduction=8)
    graphs = graphs_of(model)
    assert graphs[0].outputs == ("feature", "hidden")
    calls = [[call.graph for call in step.calls] for step in steps_of(model.config, graphs)]
    assert calls == [["glance", "exit_1"], *[["policy", "focus", f"exit_{step}"] for step in (2, 3)]]


def test_where_the_host_cuts_the_policy_gives_a_place_only():
    model = small_network(policy="conv", head="recurrent")
    graphs = graphs_of(model, "host")
    policy = next(graph for graph in graphs if graph.name == "policy")
    assert (list(policy.inputs), policy.outputs) == (["state", "hidden"], ("position", "hidden_out"))
    calls = [[call.graph for call in step.calls] for step in steps_of(model.config, graphs)]
    assert calls == [["glance", "exit"], *[["policy", CROP, "focus", "exit"]] * 2]


def test_nobody_is_handed_a_memory_that_nobody_reads():
    cascade = {graph.name: graph for graph in graphs_of(small_network(head="cascade", steps=3))}
    assert list(cascade["exit_1"].inputs) == ["feature"]
    assert cascade["exit_1"].outputs == cascade["exit_3"].outputs == ("logits",)
    assert cascade["exit_2"].outputs == ("logits", "memory_out")


def test_patches_differ_between_steps_and_images():
    model = small_network(policy="conv")
    steps = steps_of(model.config, graphs_of(model))
    golden = golden_tensors(model, steps, golden_images(model))
    assert len({tuple(place) for place in golden["1.policy.position"].tolist()}) > 1
    assert (golden["1.policy.position"] != golden["2.policy.position"]).any()
