"""ExecuTorch programs compute what the eager graphs do."""

from pathlib import Path

import pytest
import torch
from exported import NETWORKS, PACKAGING, check_cut, cut_graph, largest_difference
from networks import small_network

from export.graphs import Graph, graphs_of
from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    from executorch.runtime import Runtime

    from export import executorch as target

SAMPLE = ("value map, cascade", "linear GRU, glance classifier, bicubic", "static, glance classifier")


def exported(graph: Graph, folder: Path) -> Path:
    with quiet():
        return folder / target.export(graph, folder, PACKAGING).path


def loaded(graph: Graph, path: Path):
    program = Runtime.get().load_program(path)
    method = program.load_method("forward")
    assert method is not None

    def run(inputs):
        results = method.execute([torch.from_numpy(value) for value in inputs.values()])
        return {tensor: result.numpy().copy() for tensor, result in zip(graph.outputs, results, strict=True)}

    return run


@pytest.mark.parametrize("name", SAMPLE)
def test_every_graph_computes_what_eager_does(name, tmp_path):
    for graph in graphs_of(small_network(**NETWORKS[name])):
        run = loaded(graph, exported(graph, tmp_path))
        assert max(largest_difference(graph, run, seed) for seed in range(3)) <= 1e-4, graph.name


def test_the_crop_is_exact(tmp_path):
    graph = cut_graph(40, 16)
    run = loaded(graph, exported(graph, tmp_path))
    for row in range(25):
        for column in (0, 1, row, 23, 24):
            check_cut(run, 40, 16, (row, column))


def test_the_crop_may_be_the_whole_image(tmp_path):
    graph = cut_graph(16, 16)
    check_cut(loaded(graph, exported(graph, tmp_path)), 16, 16, (0, 0))


def test_programs_name_their_checkpoint_and_nothing_of_the_machine(tmp_path):
    path = exported(graphs_of(small_network())[-1], tmp_path)
    method = Runtime.get().load_program(path).load_method("checkpoint")
    assert method is not None
    assert method.execute([]) == [PACKAGING.checkpoint]
    assert str(Path(__file__).parents[1]).encode() not in path.read_bytes()


def test_a_graph_that_hands_an_input_back_is_refused(tmp_path):
    class Passes(torch.nn.Module):
        def forward(self, feature, memory):
            return feature * 2, memory

    inputs = {"feature": torch.ones(1, 3), "memory": torch.ones(1, 4)}
    with pytest.raises(UserError, match="graph 'exit': ExecuTorch cannot hand back 'memory' as it came"):
        target.export(Graph("exit", Passes(), inputs, ("logits", "memory_out")), tmp_path, PACKAGING)
    assert not list(tmp_path.iterdir())
