"""What measurements on a device come to: each thing over its repeats, what an exit rule is to be expected to take, and
how a static network compares.

Only runs that count are looked at. A ratio is that of two runs beside each other, then the median over the repeats.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.measure.results import Result
from gfnet_mobile.measure.step_latency import weighted_quantile

EXPECTED = "expected"

Setting = tuple[int, str]
"""threads, compute units"""


@dataclass(frozen=True)
class Figures:
    """Of one thing in one repeat, milliseconds."""

    middle: float
    p95: float


@dataclass(frozen=True)
class Line:
    """One thing that was measured; milliseconds, the median of the repeats' medians."""

    threads: int
    compute_units: str
    """as in `Result`"""
    what: str
    """as in `Result`, or `EXPECTED`: the mean over images under the default exit rule"""
    median: float
    lowest: float
    """of the repeats' medians"""
    highest: float
    p95: float
    """the median of the repeats' own"""
    repeats: int
    ratio: float | None
    """how many times as long the static network took"""


def lines(results: Sequence[Result], bundle: Bundle, static: Bundle | None = None) -> list[Line]:
    """Of ``bundle``, compared with the last step of ``static`` where there is one."""
    mine = [one for one in results if one.bundle_id == bundle.manifest.bundle_id and one.invalid is None]
    found = []
    for setting in dict.fromkeys((one.threads, one.compute_units) for one in mine):
        here = [one for one in mine if (one.threads, one.compute_units) == setting]
        other = _static(results, static, setting)
        for what in dict.fromkeys(one.what for one in here):
            figures = {one.repeat: Figures(one.summary.p50, one.summary.p95) for one in here if one.what == what}
            found.append(_line(setting, what, figures, other if what.startswith("end_to_end") else {}))
        if expected := _expected(here, bundle):
            found.append(_line(setting, EXPECTED, expected, other))
    return found


def leaves_of(bundle: Bundle, target: str) -> tuple[float, ...] | None:
    """The share of images that leaves at each step under the default exit rule; None where its calibration does not
    say."""
    rule = bundle.manifest.rules_of(target)[bundle.manifest.default_rule]
    if all(threshold is None for threshold in rule.thresholds):
        return (*(0.0 for _ in rule.thresholds), 1.0)  # nobody leaves early
    leaves = rule.calibration.leaves if rule.calibration else None
    return leaves if leaves is not None and len(leaves) == len(bundle.manifest.steps) else None


def _line(setting: Setting, what: str, figures: dict[int, Figures], other: dict[int, float]) -> Line:
    middles = [one.middle for one in figures.values()]
    ratios = [other[repeat] / one.middle for repeat, one in figures.items() if repeat in other and one.middle > 0]
    return Line(
        *setting,
        what,
        median=float(np.median(middles)),
        lowest=min(middles),
        highest=max(middles),
        p95=float(np.median([one.p95 for one in figures.values()])),
        repeats=len(figures),
        ratio=float(np.median(ratios)) if ratios else None,
    )


def _static(results: Sequence[Result], static: Bundle | None, setting: Setting) -> dict[int, float]:
    """Repeat → the static network's median end to end in the same setting. Where no units were asked for, each bundle
    ran where its own manifest suggests."""
    if static is None:
        return {}
    what, identity = f"end_to_end:{len(static.manifest.steps) - 1}", static.manifest.bundle_id
    threads, units = setting
    fitting = [one for one in results if (one.bundle_id, one.what, one.threads) == (identity, what, threads)]
    if len({one.compute_units for one in fitting}) > 1:
        fitting = [one for one in fitting if one.compute_units == units]
    return {one.repeat: one.summary.p50 for one in fitting if one.invalid is None}


def _expected(results: Sequence[Result], bundle: Bundle) -> dict[int, Figures]:
    """Repeat → the sum over steps of the share that leaves there times what that takes; and when 95 of 100 images have
    left."""
    leaves = leaves_of(bundle, results[0].target)
    if leaves is None:
        return {}
    found: dict[int, Figures] = {}
    for repeat in dict.fromkeys(one.repeat for one in results):
        here = {one.what: one for one in results if one.repeat == repeat}
        ends = [here[f"end_to_end:{step}"] for step in range(len(leaves))]
        mean = sum(share * end.summary.p50 for share, end in zip(leaves, ends, strict=True))
        found[repeat] = Figures(mean, _p95(leaves, [end.samples_ms for end in ends]))
    return found


def _p95(shares: Sequence[float], samples: Sequence[Sequence[float]]) -> float:
    """The 95th percentile of a mixture: each list of samples counts as its share."""
    values = np.concatenate([np.asarray(some) for some in samples])
    weights = np.concatenate(
        [np.full(len(some), share / len(some)) for share, some in zip(shares, samples, strict=True)]
    )
    return float(weighted_quantile(values, weights[None], 0.95)[0])
