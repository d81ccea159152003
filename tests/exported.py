"""Exported graphs beside the eager modules that they came from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from export.crop import CROPS, CropForm
from export.graphs import Graph
from export.packaging import Packaging

Array = NDArray[Any]
PACKAGING = Packaging(checkpoint="c" * 64)

Run = Callable[[dict[str, Array]], dict[str, Array]]
"""a loaded graph: inputs by name → outputs by name"""

NETWORKS: dict[str, dict[str, Any]] = {
    "value map, cascade": {"policy": "value_map", "head": "cascade"},
    "value map, small glance": {"policy": "value_map", "head": "cascade", "glance": 24},
    "value map of a cut glance": {"policy": "value_map", "head": "cascade", "glance_reduction": 8},
    "every third pixel, RGB as it is": {"glance": 32, "glance_filter": "subsample", "glance_reduction": 8, "raw": True},
    "conv GRU, recurrent": {"policy": "conv", "head": "recurrent"},
    "linear GRU, glance classifier, bicubic": {"policy": "linear", "head": "regnet", "glance_filter": "bicubic"},
    "static": {"steps": 1, "image": 64, "patch": 64},
    "static, recurrent": {"steps": 1, "head": "recurrent", "image": 64, "patch": 64},
    "static, glance classifier": {"steps": 1, "head": "regnet", "image": 64, "patch": 64},
    "eight steps": {"steps": 8, "policy": "conv", "head": "cascade"},
}
"""arguments of `networks.small_network`"""


def random_inputs(graph: Graph, seed: int) -> dict[str, Array]:
    generator = np.random.default_rng(seed)
    return {tensor: generator.random(example.shape, np.float32) for tensor, example in graph.inputs.items()}


def largest_difference(graph: Graph, run: Run, seed: int) -> float:
    """Over all outputs, relative to each one's largest value; positions must be equal."""
    inputs = random_inputs(graph, seed)
    with torch.no_grad():
        eager = graph.module(*(torch.from_numpy(value) for value in inputs.values()))
    found = run(inputs)
    assert list(found) == list(graph.outputs)
    differences = []
    for (tensor, value), expected in zip(found.items(), eager, strict=True):
        assert value.shape == tuple(expected.shape)
        assert value.dtype == expected.numpy().dtype
        if tensor == "position":
            assert (value == expected.numpy()).all()
        differences.append(float(np.abs(value - expected.numpy()).max() / np.abs(expected.numpy()).max().clip(1e-6)))
    return max(differences)


class Cut(nn.Module):
    """The crop alone, at a position that the test chooses."""

    def __init__(self, patch: int, form: CropForm) -> None:
        super().__init__()
        self.patch, self.cut = patch, CROPS[form]

    def forward(self, image: torch.Tensor, position: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.cut(image, position, self.patch),)


def cut_graph(image: int, patch: int, form: CropForm = "slice") -> Graph:
    inputs = {"image": torch.zeros(1, 3, image, image), "position": torch.zeros(1, 2, dtype=torch.int32)}
    return Graph("policy", Cut(patch, form).eval(), inputs, ("patch",))


def check_cut(run: Run, image: int, patch: int, position: tuple[int, int]) -> None:
    pixels = np.arange(3 * image * image, dtype=np.float32).reshape(1, 3, image, image)
    row, column = position
    found = run({"image": pixels, "position": np.array([position], np.int32)})["patch"]
    assert (found == pixels[:, :, row : row + patch, column : column + patch]).all()
