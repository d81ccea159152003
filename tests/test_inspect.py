"""``inspect``: what a bundle's Core ML graphs are made of, and where a phone means to run them."""

import re

import pytest
from networks import small_network
from runner_server import runner, serving
from served import served

from export.bundle import export_bundle
from export.graphs import graphs_of
from gfnet_mobile.cli.app import main
from gfnet_mobile.measure.cost import counted
from gfnet_mobile.measure.placement import Placement, Plan
from gfnet_mobile.measure.results import Result
from gfnet_mobile.mlprogram.anatomy import anatomy
from gfnet_mobile.models.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    save_checkpoint(small_network(), folder / "small.safetensors")
    targets = ["coreml", "onnx", "executorch"]
    return export_bundle(folder / "small.safetensors", targets, folder, compress={"coreml:glance": "palette4"})


@pytest.fixture(scope="module")
def device(bundle, tmp_path_factory):
    with served(bundle.folder.parent, tmp_path_factory.mktemp("results")) as (port, _):
        yield f"tcp:127.0.0.1:{port}"


def test_parameters_and_multiply_adds_are_those_of_the_eager_network(bundle):
    graph = next(graph for graph in graphs_of(small_network()) if graph.name == "focus")
    found = anatomy(bundle.path(bundle.target("coreml").graphs["focus"].path))
    convolutions = [weight for name, weight in graph.module.named_parameters() if weight.ndim == 4]
    assert found.operators["conv"] == len(convolutions)
    # batch norms are folded: each convolution has a bias of its channels; the mean and scale of pixels are weights too
    assert 0 <= found.parameters - sum(one.numel() + len(one) for one in convolutions) < 20
    assert found.multiply_adds == counted(lambda: graph.module(*graph.inputs.values()))
    assert found.system == "iOS 16"
    assert found.stored["float32"] == 4 * found.parameters
    packed = anatomy(bundle.path(bundle.target("coreml").graphs["glance"].path))
    assert 0 < packed.stored["lut_to_dense"] < found.stored["float32"]


def test_everything_is_printed_for_each_graph(bundle, capsys):
    assert main(["inspect", str(bundle.folder)]) == 0
    printed = capsys.readouterr().out
    for graph in bundle.manifest.graphs:
        assert f"{graph} (coreml/{graph}.mlpackage, iOS 16 and later)" in printed
    assert "takes         image float32 [1, 3, 96, 96]" in printed
    assert "conv" in printed
    assert "operators in float32: the Neural Engine computes in float16 only" in printed


def test_a_graph_that_is_not_there_is_named(bundle, capsys):
    assert main(["inspect", str(bundle.folder), "--graph", "nose"]) == 2
    assert "no graph 'nose'; it has glance" in capsys.readouterr().err


def test_a_device_says_what_is_not_on_the_neural_engine_and_why(bundle, device, capsys):
    assert main(["inspect", str(bundle.folder), "--device", device]) == 0
    printed = capsys.readouterr().out
    for graph in bundle.manifest.graphs:
        assert re.search(rf"^{graph} \(\d+ operators, allowed on: all\): of its estimated work ", printed, re.MULTILINE)
    focus = printed.partition("\nfocus (")[2].partition("\n\n")[0]
    assert re.match(r"\d+ operators, allowed on: all\): of its estimated work \d+\.\d % on the Neural Engine, ", focus)
    assert not re.search(r"^ *conv ", focus, re.MULTILINE), "convolutions are on the Neural Engine"
    assert re.search(
        r"^ *relu +CPU +\d+ +\d+\.\d % +in float32: the Neural Engine computes in float16 only", focus, re.MULTILINE
    )


def test_only_the_graphs_that_were_asked_for_are_shown(bundle, device, capsys):
    assert main(["inspect", str(bundle.folder), "--device", device, "--graph", "policy"]) == 0
    assert re.findall(r"^(\w+) \(", capsys.readouterr().out, re.MULTILINE) == ["policy"]


def test_a_server_that_cannot_say_it_is_named(bundle, tmp_path, capsys):
    with serving(bundle.folder.parent, tmp_path, runner()) as one:
        assert main(["inspect", str(bundle.folder), "--device", f"tcp:127.0.0.1:{one.port}"]) == 2
    assert "executorch does not say where it runs what; Core ML does, from iOS 17.4 on" in capsys.readouterr().err


def test_units_are_asked_of_a_device_and_one_at_a_time(bundle, device, capsys):
    assert main(["inspect", str(bundle.folder), "--compute-units", "cpu"]) == 2
    assert "--compute-units: is for --device" in capsys.readouterr().err
    assert main(["inspect", str(bundle.folder), "--device", device, "--compute-units", "cpu,ne"]) == 2
    assert "one of them at a time" in capsys.readouterr().err


def test_results_carry_where_the_operators_of_a_graph_ran(bundle, device, tmp_path):
    output = tmp_path / "results.jsonl"
    arguments = ["--rounds", "1", "--warmup", "0", "--cooldown", "0", "--output", str(output)]
    assert main(["bench", str(bundle.folder), "--device", device, *arguments]) == 0
    results = {one.what: one for one in map(Result.model_validate_json, output.read_text().splitlines())}
    for graph in bundle.manifest.graphs:
        placed = results[f"graph:{graph}"].placement
        assert (
            placed and {one.operator: one.preferred for one in placed}.get("conv", "neural_engine") == "neural_engine"
        )
    assert results["end_to_end:0"].placement is None and results["cold_load"].placement is None


def test_shares_are_of_the_work_that_is_estimated():
    def operator(unit, cost):
        return Placement(kind="ios16.conv", outputs=("x",), preferred=unit, supported=("cpu",), cost=cost)

    operators = (operator("neural_engine", 0.6), operator("cpu", 0.2), operator(None, None))
    plan = Plan(graph="glance", compute_units="all", operators=operators)
    assert plan.share("neural_engine") == pytest.approx(0.75) and plan.share("gpu") == 0
    assert Plan(graph="glance", compute_units="all", operators=operators[2:]).share("cpu") == 0
