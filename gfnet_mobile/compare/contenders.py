"""What is compared: bundles, each with what it said on the same images and how long it took, in one context."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.calibrate.calibrate import FEWEST, check_logits
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.logits import Logits, read_logits
from gfnet_mobile.measure.results import Result
from gfnet_mobile.measure.step_latency import StepLatency, step_latency


@dataclass(frozen=True)
class Contender:
    bundle: Bundle
    cached: Logits
    latency: StepLatency

    @property
    def name(self) -> str:
        return self.bundle.manifest.name

    @property
    def size(self) -> int:
        """Side of the image, pixels."""
        return self.bundle.manifest.preprocessing.size

    @property
    def steps(self) -> int:
        return len(self.bundle.manifest.steps)


def contenders(
    bundles: Sequence[Bundle],
    logits: Sequence[Path],
    results: Sequence[Result],
    *,
    target: str | None = None,
    threads: int | None = None,
    device: str | None = None,
    mixed: bool = False,
) -> list[Contender]:
    """Each bundle with its logits and its latency; ``target``, ``threads`` and the ``device``'s model pick among the
    results. Raises UserError where something is missing, of another network or other images, or (unless ``mixed``)
    where contexts differ."""
    names = [bundle.manifest.name for bundle in bundles]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two bundles are called {name!r}; export one of them with another --name")
    caches = {path: read_logits(path) for path in logits}
    known = {bundle.manifest.checkpoint for bundle in bundles}
    for path, cached in caches.items():
        if cached.metadata["model"] not in known:
            raise UserError(f"{path}: logits of none of these bundles (checkpoint {cached.metadata['model'][:12]})")
    found = []
    for bundle in bundles:
        try:
            latency = step_latency(results, bundle.manifest, target, threads=threads, device=device)
        except UserError as error:
            raise UserError(f"{bundle.folder}: {error}") from error
        found.append(Contender(bundle, _logits_of(bundle, latency.context.target, caches), latency))
    _check_images(found)
    if not mixed:
        _check_contexts(found)
    return found


def _logits_of(bundle: Bundle, target: str, caches: dict[Path, Logits]) -> Logits:
    """Those of the target itself before others that say the same."""
    mine = {path: one for path, one in caches.items() if one.metadata["model"] == bundle.manifest.checkpoint}
    if not mine:
        raise UserError(
            f"{bundle.folder}: no --logits of it; make them: gfnet-mobile evaluate {bundle.folder} --logits"
        )
    path = min(mine, key=lambda one: mine[one].metadata.get("target") != target)
    try:
        check_logits(mine[path], bundle.manifest, target)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return mine[path]


def _check_images(found: Sequence[Contender]) -> None:
    first = found[0]
    count = len(first.cached.labels)
    if count < FEWEST:
        raise UserError(
            f"{first.bundle.folder}: logits of {count} images; at least {FEWEST} are needed, half to judge by"
        )
    for one in found[1:]:
        same = one.cached.metadata.get("data") == first.cached.metadata.get("data")
        if not same or not np.array_equal(one.cached.labels, first.cached.labels):
            raise UserError(f"{one.bundle.folder}: its logits are of other images than those of {first.bundle.folder}; "
                            "evaluate both on the same")  # fmt: skip


def _check_contexts(found: Sequence[Contender]) -> None:
    first = found[0]
    for one in found[1:]:
        if unlike := one.latency.context.differs(first.latency.context):
            name, mine, its = unlike
            raise UserError(
                f"{one.bundle.folder}: measured in another context than {first.bundle.folder} "
                f"({name}: {mine}, {its}); measure them in turn (bench {first.bundle.folder} "
                f"--against {one.bundle.folder}), or give --mixed"
            )
