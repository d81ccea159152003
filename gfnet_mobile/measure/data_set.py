"""A labelled data set, and a network's logits on it: run once, then read from a file."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.data.folder import labelled_files
from gfnet_mobile.errors import UserError, one_line
from gfnet_mobile.host.preprocess import Picture
from gfnet_mobile.measure.answers import Subject
from gfnet_mobile.measure.logits import Logits, LogitsWriter, read_logits

SCENE, LARGEST_SCENE = 224, 896
"""side of a demo scene, and of the widest field, pixels"""
MOST_UNREADABLE = 0.01
"""share of the pictures that may be broken"""


@dataclass(frozen=True)
class DataSet:
    pictures: Sequence[Picture]
    labels: NDArray[np.int64]
    """as the network counts its classes"""
    names: Sequence[str]
    title: str
    """what the pictures are, in one line"""

    def part(self, indices: Sequence[int]) -> "DataSet":
        """Those pictures of it, in that order."""
        chosen = np.array(indices, np.int64)
        return DataSet(
            [self.pictures[i] for i in chosen], self.labels[chosen], [self.names[i] for i in chosen], self.title
        )


def folder_set(folder: Path, subject: Subject) -> DataSet:
    """``FOLDER/CLASS/picture``. Raises UserError where the classes are not the network's."""
    found = labelled_files(folder)
    labels = _labels(found.classes, found.labels, subject, folder)
    names = [str(path.relative_to(folder)) for path in found.files]
    return DataSet(found.files, labels, names, one_line(f"pictures of {folder.resolve().name}"))


def scene_set(count: int, size: int = SCENE) -> DataSet:
    """Held-out scenes of the demo task, ``size`` pixels wide; a network may take them smaller."""
    if not SCENE <= size <= LARGEST_SCENE:
        raise UserError(f"--scene-size {size}: {SCENE} to {LARGEST_SCENE} pixels; a smaller network takes them smaller")
    from gfnet_mobile.data import sign_scenes  # scikit-learn is an extra

    images, labels = sign_scenes(count, seed=1, split="test", size=size)
    names = [f"scene {index} of {size} pixels" for index in range(count)]
    return DataSet(list(images), labels, names, "test scenes, seed 1")


def some_of(data: DataSet, limit: int) -> DataSet:
    """``limit`` of the pictures, the same ones each time."""
    if limit < 1:
        raise UserError(f"limit {limit}: must be at least 1")
    return data.part(sorted(np.random.default_rng(0).permutation(len(data.names))[:limit].tolist()))


def logits_on(
    data: DataSet, subject: Subject, file: Path | None, workers: int, progress: Callable[[int, int], None]
) -> tuple[Logits, list[str]]:
    """Logits of all steps, from ``file`` if it is whole, else run, and kept there if it is named; and the pictures that
    could not be read. ``progress`` is told how many of how many are done.

    Raises UserError if ``file`` is of another network or data set, and if too many pictures are broken.
    """
    digest = hashlib.sha256(json.dumps([list(data.names), data.labels.tolist()]).encode()).hexdigest()
    metadata = _identity(subject) | {"data": digest}
    if file is not None and file.exists():
        return _checked(file, metadata), []
    with TemporaryDirectory() as scratch:
        writer = LogitsWriter(file or Path(scratch) / "logits", data.labels, subject.steps, subject.classes, metadata)
        missing, total = writer.missing(), len(data.names)
        progress(total - len(missing), total)
        for count, (index, answer) in enumerate(subject.answers(data.pictures, missing, workers), 1):
            writer.write(index, answer)
            progress(total - len(missing) + count, total)
        broken = [data.names[index] for index in writer.unreadable()]
        if len(broken) > MOST_UNREADABLE * total:
            raise UserError(f"{len(broken)} of {total} pictures cannot be read, the first is {broken[0]}")
        return writer.finish(), broken


def kept_logits(subject: Subject, file: Path) -> Logits:
    """Those of an earlier run, whatever its data were. Raises UserError if they are of another network."""
    return _checked(file, _identity(subject))


def _identity(subject: Subject) -> dict[str, str]:
    return {"model": subject.checkpoint, "target": subject.where}


def _checked(file: Path, expected: Mapping[str, str]) -> Logits:
    found = read_logits(file)
    for entry, value in expected.items():
        if found.metadata.get(entry) != value:
            raise UserError(f"{file}: holds logits of another {entry}; name another file")
    return found


def _labels(classes: Sequence[str], labels: Sequence[int], subject: Subject, folder: Path) -> NDArray[np.int64]:
    """By name where the folders are called as the network's classes, else in sorted order, as ImageNet's are."""
    names = subject.labels or ()
    if not set(classes) & set(names):
        if len(classes) != subject.classes:
            raise UserError(f"{folder}: {len(classes)} class folders, but the network has {subject.classes} classes")
        return np.array(labels, np.int64)
    unknown = [name for name in classes if name not in names]
    if unknown:
        raise UserError(f"{folder}: class folder {unknown[0]!r} is none of the network's labels")
    index = [names.index(name) for name in classes]
    return np.array([index[label] for label in labels], np.int64)
