"""``inspect``: what a bundle's Core ML graphs are made of."""

import pytest
from networks import small_network

from export.bundle import export_bundle
from export.graphs import graphs_of
from gfnet_mobile.cli.app import main
from gfnet_mobile.measure.cost import counted
from gfnet_mobile.mlprogram.anatomy import anatomy
from gfnet_mobile.models.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspect")
    save_checkpoint(small_network(), folder / "small.safetensors")
    return export_bundle(folder / "small.safetensors", ["coreml"], folder, compress={"glance": "palette4"})


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
