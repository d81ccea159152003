"""Labelled pictures beside an export: they show graphs which values to expect, and tell what compression cost.

Exit rules are found anew on them, since compression moves confidences.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from export.graphs import Graph
from gfnet_mobile.bundle.manifest import CROP, Register, Step
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.calibrate.recalibrate import Recalibrated, recalibrate
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import Floats
from gfnet_mobile.host.preprocess import load_image
from gfnet_mobile.measure.answers import Subject, subject_of
from gfnet_mobile.measure.data_set import SCENE, DataSet, folder_set, logits_on, some_of
from gfnet_mobile.measure.logits import Logits
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.models.crop import crop
from gfnet_mobile.runtimes import is_interpreted, unavailable

IMAGES = 128
"""that ranges are observed on; thresholds are found on all"""
INTERPRETED_IMAGES = 500
"""that thresholds of an interpreted target are found on: a picture takes it up to a second"""
SCENE_CLASSES = 10
SCENE_SEED = 2
"""scenes that the demo's training did not choose its thresholds on"""


Progress = Callable[[str, str], None]
"""is told where pictures are run, and how far that is"""


def _silent(target: str, what: str) -> None:
    pass


@dataclass(frozen=True)
class Seen:
    """Labelled pictures that can be read, and what the eager network says on them."""

    data: DataSet
    logits: Floats
    """[N, T, K]"""


def calibration_set(source: Path | int, subject: Subject) -> DataSet:
    """Labelled pictures ``FOLDER/CLASS/picture``, or so many validation scenes of the demo task. Raises UserError where
    there are none, or their classes are not the network's."""
    if isinstance(source, Path):
        return folder_set(source, subject)
    if source < 1:
        raise UserError(f"--calibration-scenes {source}: must be at least 1")
    if subject.classes != SCENE_CLASSES:
        raise UserError(f"--calibration-scenes: scenes have {SCENE_CLASSES} classes, the network {subject.classes}")
    size = max(SCENE, subject.size)  # a smaller network takes scenes smaller
    images, labels = sign_scenes(source, seed=SCENE_SEED, split="validation", size=size)
    names = [f"validation scene {index}" for index in range(source)]
    return DataSet(list(images), labels, names, f"validation scenes, seed {SCENE_SEED}")


def seen_by(eager: Subject, data: DataSet, progress: Progress = _silent) -> Seen:
    """Raises UserError if more than a few pictures cannot be read."""
    found, broken = _run(eager, data, progress)
    return Seen(data.part([index for index, name in enumerate(data.names) if name not in set(broken)]), found.logits)


def with_samples(
    graphs: Sequence[Graph], registers: dict[str, Register], steps: Sequence[Step], config: ModelConfig, data: DataSet
) -> list[Graph]:
    """``graphs`` with what each gets in every step of `IMAGES` pictures of ``data``, computed by the eager modules."""
    pictures = some_of(data, IMAGES).pictures
    images = [torch.from_numpy(load_image(picture, config.preprocessing).image.copy()) for picture in pictures]
    samples: dict[str, list[dict[str, Tensor]]] = {graph.name: [] for graph in graphs}
    modules = {graph.name: graph for graph in graphs}
    with torch.no_grad():
        for picture in images:
            held = {name: torch.zeros(register.shape) for name, register in registers.items()}
            held[next(name for name, register in registers.items() if register.initial == "input")] = picture
            for call in (call for step in steps for call in step.calls):
                if call.graph == CROP:
                    side = registers[call.outputs["patch"]].shape[-1]
                    image, position = held[call.inputs["image"]], held[call.inputs["position"]]
                    held[call.outputs["patch"]] = crop(image, position, side)
                    continue
                graph = modules[call.graph]
                inputs = {tensor: held[call.inputs[tensor]] for tensor in graph.inputs}
                outputs = graph.module(*inputs.values())
                samples[graph.name].append(inputs)
                held |= {call.outputs[tensor]: value for tensor, value in zip(graph.outputs, outputs, strict=True)}
    return [replace(graph, samples=tuple(samples[graph.name])) for graph in graphs]


def recalibrated(
    bundle: Bundle, targets: Sequence[str], seen: Seen, progress: Progress = _silent
) -> list[Recalibrated]:
    """What compression did to those of ``targets`` that run here, and their new exit rules, on the pictures of ``seen``
    or `INTERPRETED_IMAGES` of them."""
    row = {name: index for index, name in enumerate(seen.data.names)}
    found = []
    for target in (one for one in targets if unavailable(one) is None):
        data = some_of(seen.data, INTERPRETED_IMAGES) if is_interpreted(target) else seen.data
        after, _ = _run(subject_of(str(bundle.folder), target), data, progress)
        before = seen.logits[[row[name] for name in data.names]]
        count = f"{len(data.names)} of {len(row)}" if len(data.names) < len(row) else f"{len(row)}"
        found.append(recalibrate(bundle, target, before, after.logits, after.labels, f"{count} {data.title}"))
    return found


def _run(subject: Subject, data: DataSet, progress: Progress) -> tuple[Logits, list[str]]:
    def tell(done: int, total: int) -> None:
        progress(subject.where, f"calibrating, {done} of {total}")

    workers = 1 if is_interpreted(subject.where) else os.cpu_count() or 1  # the interpreter holds Python's lock
    return logits_on(data, subject, None, workers, tell)
