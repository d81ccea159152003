"""Images that show a network's graphs which values to expect, and the labelled set that they are drawn from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from export.graphs import Graph
from gfnet_mobile.bundle.manifest import CROP, Register, Step
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import Prepared
from gfnet_mobile.measure.answers import Subject, readable
from gfnet_mobile.measure.data_set import DataSet, folder_set, some_of
from gfnet_mobile.models.config import ModelConfig

IMAGES = 128
"""that ranges are observed on; thresholds are found on all"""
SCENE_CLASSES = 10
SCENE_SEED = 2
"""scenes that the demo's training did not choose its thresholds on"""


def calibration_set(source: Path | int, subject: Subject) -> DataSet:
    """Labelled pictures ``FOLDER/CLASS/picture``, or so many validation scenes of the demo task."""
    if isinstance(source, Path):
        return folder_set(source, subject)
    if subject.classes != SCENE_CLASSES:
        raise UserError(f"--calibration-scenes: scenes have {SCENE_CLASSES} classes, the network {subject.classes}")
    images, labels = sign_scenes(source, seed=SCENE_SEED, split="validation", size=subject.size)
    return DataSet(list(images), labels, [f"validation scene {index}" for index in range(source)])


def with_samples(
    graphs: Sequence[Graph], registers: dict[str, Register], steps: Sequence[Step], config: ModelConfig, data: DataSet
) -> list[Graph]:
    """``graphs`` with what each gets in every step of `IMAGES` pictures of ``data``, computed by the eager modules."""
    some = some_of(data, IMAGES)
    prepared = [readable(picture, config.preprocessing) for picture in some.pictures]
    images = [torch.from_numpy(np.array(one.image)) for one in prepared if isinstance(one, Prepared)]
    if not images:
        raise UserError("calibration: none of the pictures can be read")
    samples: dict[str, list[dict[str, Tensor]]] = {graph.name: [] for graph in graphs}
    modules = {graph.name: graph for graph in graphs}
    with torch.no_grad():
        for image in images:
            held = {name: torch.zeros(register.shape) for name, register in registers.items()}
            held[next(name for name, register in registers.items() if register.initial == "input")] = image
            for call in (call for step in steps for call in step.calls if call.graph != CROP):
                graph = modules[call.graph]
                inputs = {tensor: held[call.inputs[tensor]] for tensor in graph.inputs}
                outputs = graph.module(*inputs.values())
                samples[graph.name].append(inputs)
                held |= {call.outputs[tensor]: value for tensor, value in zip(graph.outputs, outputs, strict=True)}
    return [replace(graph, samples=tuple(samples[graph.name])) for graph in graphs]
