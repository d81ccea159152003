"""What a network says on many pictures, at every step: logits [T, K] a picture, on all cores.

Two sources, a bundle and an eager network; both yield (index, logits), with None for a picture that cannot be read.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import ExitRule, Preprocessing
from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import Picture, Prepared, load_image
from gfnet_mobile.host.session import Session
from gfnet_mobile.runtimes import first_runnable

if TYPE_CHECKING:
    from gfnet_mobile.models.checkpoint import Checkpoint
    from gfnet_mobile.models.network import GlanceFocusNet

Out = TypeVar("Out")
Answer = tuple[int, NDArray[np.float32] | None]

BATCH = 32


@dataclass(frozen=True)
class Subject:
    """A checkpoint or a bundle as evaluation sees it."""

    checkpoint: str
    """hash"""
    where: str
    """eager, or the bundle's target"""
    steps: int
    classes: int
    labels: Sequence[str] | None
    size: int
    """side of the image, pixels"""
    rules: dict[str, ExitRule]
    """the default first"""
    multiply_adds: tuple[int, ...] | None
    answers: Callable[[Sequence[Picture], Sequence[int], int], Iterator[Answer]]
    """pictures, the indices wanted of them, workers"""


def subject_of(model: str, target: str | None) -> Subject:
    """The bundle in folder ``model`` on ``target`` (default: the first that runs here), or else that checkpoint."""
    if Path(model).is_dir():
        bundle = open_bundle(Path(model))
        manifest = bundle.manifest
        where = target or first_runnable(bundle)
        bundle.target(where)
        return Subject(
            checkpoint=manifest.checkpoint,
            where=where,
            steps=len(manifest.steps),
            classes=manifest.classes,
            labels=manifest.labels,
            size=manifest.preprocessing.size,
            rules=manifest.rules_of(where),
            multiply_adds=manifest.multiply_adds,
            answers=partial(bundle_answers, bundle, where),
        )
    if target is not None:
        raise UserError(f"target {target!r}: a checkpoint has none; export it and evaluate the bundle")
    from gfnet_mobile.models.checkpoint import read_checkpoint

    return eager_subject(read_checkpoint(model))


def eager_subject(checkpoint: "Checkpoint") -> Subject:
    """A checkpoint that has been read, as torch computes it."""
    from gfnet_mobile.measure.cost import multiply_adds

    config = checkpoint.model.config
    return Subject(
        checkpoint=checkpoint.sha256,
        where="eager",
        steps=config.steps,
        classes=config.classes,
        labels=config.labels,
        size=config.image,
        rules=checkpoint.rules,
        multiply_adds=multiply_adds(checkpoint.model),
        answers=partial(eager_answers, checkpoint.model),
    )


def bundle_answers(
    bundle: Bundle, target: str, pictures: Sequence[Picture], wanted: Sequence[int], workers: int
) -> Iterator[Answer]:
    """From ``workers`` threads with a session each; runtimes and Pillow let go of Python's lock while they work."""
    own = threading.local()
    sessions: list[Session] = []

    def answer(index: int) -> Answer:
        if not hasattr(own, "session"):
            own.session = Session(bundle, target)
            sessions.append(own.session)
        prepared = readable(pictures[index], bundle.manifest.preprocessing)
        if prepared is None:
            return index, None
        return index, np.stack([step.logits for step in own.session.steps(prepared)])

    try:
        for part in _parts(answer, wanted, workers):
            yield from part
    finally:
        for session in sessions:
            session.close()


def eager_answers(
    model: "GlanceFocusNet", pictures: Sequence[Picture], wanted: Sequence[int], workers: int
) -> Iterator[Answer]:
    """In batches, which torch computes on all cores; ``workers`` threads read the next one's pictures meanwhile."""
    import torch

    def read(index: int) -> tuple[int, Prepared | None]:
        return index, readable(pictures[index], model.config.preprocessing)

    with torch.inference_mode():
        for part in _parts(read, wanted, workers):
            yield from ((index, None) for index, prepared in part if prepared is None)
            found = [(index, prepared.image) for index, prepared in part if prepared is not None]
            if found:
                images = torch.from_numpy(np.concatenate([image for _, image in found]))
                logits = model(model.normalise(images)).numpy()
                yield from ((index, answer) for (index, _), answer in zip(found, logits, strict=True))


def readable(picture: Picture, preprocessing: Preprocessing) -> Prepared | None:
    try:
        return load_image(picture, preprocessing)
    except UserError:
        return None


def _parts(work: Callable[[int], Out], wanted: Sequence[int], workers: int) -> Iterator[list[Out]]:
    """``work`` on all of ``wanted`` in threads, `BATCH` results at a time; one part ahead of what is asked for."""
    pool = ThreadPoolExecutor(workers)
    try:
        ahead: Iterator[Out] | None = None
        for start in range(0, len(wanted), BATCH):
            begun = pool.map(work, wanted[start : start + BATCH])
            if ahead is not None:
                yield list(ahead)
            ahead = begun
        if ahead is not None:
            yield list(ahead)
    finally:
        pool.shutdown(cancel_futures=True)
