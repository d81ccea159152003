"""What leaving at each step takes, from a file of results: one bundle in one context.

Answers of one context can be added and compared; those of two devices, runtimes or numbers of threads cannot, and are
refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import CROP, Manifest
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.results import Device, Result

Samples = NDArray[np.float64]
"""milliseconds, one for each round"""


@dataclass(frozen=True)
class Context:
    """Where and how a bundle ran: what has to be equal for two latencies to be comparable."""

    device: Device
    target: str
    runtime: str
    runtime_version: str
    compression: str
    threads: int
    compute_units: str

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.device.model}, {self.device.os}; {self.runtime} {self.runtime_version}, {threads}"

    def differs(self, other: "Context") -> tuple[str, str, str] | None:
        """The first field in which ``other`` differs, and what is to be said of both; None if none does."""
        for name in (field.name for field in fields(Context)):
            mine, its = getattr(self, name), getattr(other, name)
            if mine != its:
                if name != "device":
                    return name, str(mine), str(its)
                return (name, mine.model, its.model) if mine.model != its.model else (name, mine.os, its.os)
        return None


@dataclass(frozen=True)
class StepLatency:
    context: Context
    cumulative_ms: tuple[Samples, ...]
    """[T]: from an image in its place to the answer of each step. Samples of one place are of one round, so that what
    slowed a round down slowed all steps of it"""
    runs: tuple[str, ...] = ()
    """when each run began that the samples are of, in their order: bundles that were measured in turn have the same"""

    @property
    def medians_ms(self) -> NDArray[np.float64]:
        """[T]"""
        return np.array([np.median(samples) for samples in self.cumulative_ms])

    @property
    def means_ms(self) -> NDArray[np.float64]:
        """[T]: what to expect of a mean over many walks. The medians, which a few slow rounds do not move, say how the
        steps compare; the means of all steps together, how much longer walks take than that."""
        medians = self.medians_ms
        return medians * (np.mean([samples.mean() for samples in self.cumulative_ms]) / medians.mean())

    @property
    def own_ms(self) -> tuple[Samples, ...]:
        """[T]: of each step alone."""
        before = (np.zeros_like(self.cumulative_ms[0]), *self.cumulative_ms[:-1])
        return tuple(np.maximum(now - then, 0) for now, then in zip(self.cumulative_ms, before, strict=True))


def step_latency(
    results: Sequence[Result],
    manifest: Manifest,
    target: str | None = None,
    *,
    threads: int | None = None,
    device: str | None = None,
) -> StepLatency:
    """Of the bundle with ``manifest``, in the one context that is left of ``results`` after ``target``, ``threads`` and
    the ``device``'s model have been picked, where they are given.

    A step's latency is ``end_to_end:STEP`` where that was measured; otherwise the sum of the graphs that are called up
    to there, round by round, which leaves out the host's own work. Runs that do not count are left out. Raises
    UserError for results of other bundles, of several contexts, or that do not suffice.
    """
    mine = [one for one in results if one.bundle_id == manifest.bundle_id]
    if not mine:
        found = ", ".join(sorted({one.bundle_id[:12] for one in results})) or "nothing"
        raise UserError(f"latencies: none of bundle {manifest.bundle_id[:12]} (found: {found}); measure it: bench")
    picked = _picked(mine, {"target": target, "threads": threads, "device": device})
    valid = [one for one in picked if one.invalid is None]
    if not valid:
        raise UserError(f"latencies: no run counts ({picked[0].invalid}); let the device cool down and measure again")
    context = _only_context(valid)
    runs = list(dict.fromkeys((one.started, one.repeat) for one in valid))
    parts = [
        _steps_of({one.what: one for one in valid if (one.started, one.repeat) == run}, manifest, context.target)
        for run in runs
    ]
    samples = tuple(np.concatenate(samples) for samples in zip(*parts, strict=True))
    return StepLatency(context, samples, tuple(started for started, _ in runs))


def weighted_quantile(times: Samples, weights: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """[draws]: the smallest of ``times`` [...] that a ``share`` of ``weights`` [draws, ...] stay within."""
    order = times.ravel().argsort()
    below = weights.reshape(len(weights), -1)[:, order].cumsum(axis=1)
    reached = below >= share * (1 - 1e-9) * below[:, -1:]
    found: NDArray[np.float64] = times.ravel()[order][reached.argmax(axis=1)]
    return found


def _picked(results: Sequence[Result], wanted: dict[str, str | int | None]) -> Sequence[Result]:
    for name, value in wanted.items():
        if value is not None:
            has = list(dict.fromkeys(_of(one, name) for one in results))
            results = [one for one in results if _of(one, name) == value]
            if not results:
                raise UserError(f"latencies: none with {name} {value!r}; the file has {', '.join(map(str, has))}")
    return results


def _of(result: Result, name: str) -> str | int:
    return result.device.model if name == "device" else getattr(result, name)


def _only_context(results: Sequence[Result]) -> Context:
    names = [field.name for field in fields(Context)]
    found = list(dict.fromkeys(Context(**{name: getattr(one, name) for name in names}) for one in results))
    first, *others = found
    for other in others:
        if unlike := first.differs(other):
            name, mine, its = unlike
            pick = name in ("device", "target", "threads")
            choice = f"choose with --{name}" if pick else "keep one of them in the file"
            raise UserError(f"latencies: of several contexts ({name}: {mine}, {its}); {choice}")
    return first


def _steps_of(run: dict[str, Result], manifest: Manifest, target: str) -> tuple[Samples, ...]:
    """Cumulative samples of each step, from one run's results by what was measured."""
    found: list[Samples] = []
    graphs: list[Samples] = []
    for number, step in enumerate(manifest.steps):
        called = [call.graph for call in step.calls if call.graph != CROP]
        whole = run.get(f"end_to_end:{number}")
        missing = [graph for graph in called if f"graph:{graph}" not in run]
        if whole is None and missing:
            raise UserError(
                f"latencies: neither end_to_end:{number} nor graph:{missing[0]} was measured on {target}; measure again"
            )
        graphs += [np.array(run[f"graph:{graph}"].samples_ms) for graph in called if graph not in missing]
        found.append(_added(graphs) if whole is None else np.array(whole.samples_ms))
    rounds = min(map(len, found))
    if rounds == 0:
        raise UserError(f"latencies: a result without samples on {target}; measure again")
    return tuple(samples[:rounds] for samples in found)


def _added(graphs: Sequence[Samples]) -> Samples:
    rounds = min(map(len, graphs))
    total: Samples = np.sum([samples[:rounds] for samples in graphs], axis=0)
    return total
