"""How often a bundle is right: at every step, and where its exit rule stops."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import exit_steps
from gfnet_mobile.host.preprocess import Picture
from gfnet_mobile.host.session import Session


@dataclass(frozen=True)
class Evaluation:
    """All shares lie between 0 and 1."""

    count: int
    accuracy: tuple[float, ...]
    """of each step's answer, on all images"""
    share: tuple[float, ...]
    """of the images that leave at each step under the exit rule"""
    right: tuple[float, ...]
    """accuracy among those that leave there; 0 where none do"""
    rule_accuracy: float
    mean_steps: float


def logits_of(
    session: Session, pictures: Iterable[Picture], progress: Callable[[], None] = lambda: None
) -> NDArray[np.float32]:
    """Logits float32 [N, T, K] of all steps."""
    rows = []
    for picture in pictures:
        rows.append(np.stack([step.logits for step in session.steps(picture)]))
        progress()
    return np.stack(rows)


def evaluate(logits: NDArray[np.float32], labels: NDArray[np.int64], rule: ExitRule) -> Evaluation:
    """``logits`` [N, T, K] and ``labels`` [N] under ``rule``."""
    count, steps, _ = logits.shape
    right = logits.argmax(2) == labels[:, None]
    ends = exit_steps(rule, logits)
    ended_right = right[np.arange(count), ends]
    leaving = [ends == step for step in range(steps)]
    return Evaluation(
        count=count,
        accuracy=tuple(right.mean(0).tolist()),
        share=tuple(float(gone.mean()) for gone in leaving),
        right=tuple(float(ended_right[gone].mean()) if gone.any() else 0.0 for gone in leaving),
        rule_accuracy=float(ended_right.mean()),
        mean_steps=float(ends.mean()) + 1,
    )


def labels_for(session: Session, classes: Sequence[str], labels: Sequence[int], folder: Path) -> NDArray[np.int64]:
    """Labels of class folders as the bundle counts its classes: by name if it has names, by order if not."""
    manifest = session.bundle.manifest
    if manifest.labels is None:
        if len(classes) != manifest.classes:
            raise UserError(f"{folder}: {len(classes)} class folders, but the bundle has {manifest.classes} classes")
        return np.array(labels, np.int64)
    unknown = [name for name in classes if name not in manifest.labels]
    if unknown:
        raise UserError(f"{folder}: class folder {unknown[0]!r} is none of the bundle's labels")
    index = [manifest.labels.index(name) for name in classes]
    return np.array([index[label] for label in labels], np.int64)
