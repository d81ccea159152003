"""8-bit ExecuTorch programs: how small, how near to the eager graphs, what stays float32."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from exported import NETWORKS, PACKAGING, random_inputs
from networks import small_network
from test_export_executorch import loaded

from export.graphs import Graph, graphs_of
from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    from export import executorch as target

NEAR = 0.15
SEEDS = range(8)


def seen(graph: Graph) -> Graph:
    samples = [{t: torch.from_numpy(v) for t, v in random_inputs(graph, seed).items()} for seed in SEEDS]
    return replace(graph, samples=tuple(samples))


def compressed(graph: Graph, folder):
    with quiet():
        file = target.export(graph, folder, PACKAGING, "int8")
    assert file.compression == "int8"
    return folder / file.path


@pytest.mark.parametrize(
    "name", ["value map, cascade", "linear GRU, glance classifier, bicubic", "conv GRU, recurrent", "static"]
)
def test_outputs_stay_near_and_keep_their_types(name, tmp_path):
    for graph in map(seen, graphs_of(small_network(**NETWORKS[name]))):
        inputs = random_inputs(graph, seed=0)
        with torch.no_grad():
            expected = graph.module(*(torch.from_numpy(value) for value in inputs.values()))
        found = loaded(graph, compressed(graph, tmp_path))(inputs)
        for (tensor, value), eager in zip(found.items(), expected, strict=True):
            assert value.dtype == eager.numpy().dtype
            if tensor == "position":
                assert np.abs(value - eager.numpy()).max() <= 4
            elif tensor != "patch":
                difference = np.abs(value - eager.numpy()).max()
                assert difference <= NEAR * eager.abs().max(), (graph.name, tensor)


def test_programs_shrink(tmp_path):
    glance = seen(graphs_of(small_network(options={"channels": [16, 32, 64, 128]}))[0])
    with quiet():
        whole = (tmp_path / target.export(glance, tmp_path, PACKAGING).path).stat().st_size
    assert compressed(glance, tmp_path).stat().st_size <= 0.35 * whole


def test_logits_are_not_rounded_to_a_few_values(tmp_path):
    """Nor is a static network's, whose encoder and exit are one graph."""
    for name in ("static", "conv GRU, recurrent"):
        graph = next(graph for graph in graphs_of(small_network(**NETWORKS[name])) if "logits" in graph.outputs)
        run = loaded(seen(graph), compressed(seen(graph), tmp_path))
        values = np.sort(np.concatenate([run(random_inputs(graph, seed))["logits"].ravel() for seed in range(40)]))
        assert len(np.unique(values)) == len(values) == 200


def test_without_images_there_is_no_int8(tmp_path):
    with pytest.raises(UserError, match="'glance': int8 on executorch needs to see images"):
        target.export(graphs_of(small_network())[0], tmp_path, PACKAGING, "int8")
