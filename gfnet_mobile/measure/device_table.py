"""What measurements on a device come to: each thing over its repeats, what an exit rule is to be expected to take, and
how a static network compares.

Only runs that count are looked at. A ratio is that of two runs beside each other, then the median over the repeats.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.measure.results import Result

EXPECTED = "expected"


@dataclass(frozen=True)
class Line:
    """One thing that was measured; milliseconds, the median of the repeats' medians."""

    threads: int
    what: str
    """as in `Result`, or `EXPECTED`: the mean over images under the default exit rule"""
    median: float
    lowest: float
    """of the repeats' medians"""
    highest: float
    repeats: int
    ratio: float | None
    """how many times as long the static network took"""


def lines(results: Sequence[Result], bundle: Bundle, static: Bundle | None = None) -> list[Line]:
    """Of ``bundle``, compared with the last step of ``static`` where there is one."""
    mine = [one for one in results if one.bundle_id == bundle.manifest.bundle_id and one.invalid is None]
    found = []
    for threads in dict.fromkeys(one.threads for one in mine):
        here = [one for one in mine if one.threads == threads]
        other = _medians(results, static, threads)
        for what in dict.fromkeys(one.what for one in here):
            medians = {one.repeat: one.summary.p50 for one in here if one.what == what}
            found.append(_line(threads, what, medians, other if what.startswith("end_to_end") else {}))
        if expected := _expected(here, bundle):
            found.append(_line(threads, EXPECTED, expected, other))
    return found


def leaves_of(bundle: Bundle, target: str) -> tuple[float, ...] | None:
    """The share of images that leaves at each step under the default exit rule; None where its calibration does not
    say."""
    rule = bundle.manifest.rules_of(target)[bundle.manifest.default_rule]
    if all(threshold is None for threshold in rule.thresholds):
        return (*(0.0 for _ in rule.thresholds), 1.0)  # nobody leaves early
    leaves = rule.calibration.leaves if rule.calibration else None
    return leaves if leaves is not None and len(leaves) == len(bundle.manifest.steps) else None


def _line(threads: int, what: str, medians: dict[int, float], other: dict[int, float]) -> Line:
    values = list(medians.values())
    ratios = [other[repeat] / value for repeat, value in medians.items() if repeat in other and value > 0]
    ratio = float(np.median(ratios)) if ratios else None
    return Line(threads, what, float(np.median(values)), min(values), max(values), len(values), ratio)


def _medians(results: Sequence[Result], static: Bundle | None, threads: int) -> dict[int, float]:
    """Repeat → the static network's median end to end."""
    if static is None:
        return {}
    what, identity = f"end_to_end:{len(static.manifest.steps) - 1}", static.manifest.bundle_id
    fitting = [one for one in results if (one.bundle_id, one.threads, one.what) == (identity, threads, what)]
    return {one.repeat: one.summary.p50 for one in fitting if one.invalid is None}


def _expected(results: Sequence[Result], bundle: Bundle) -> dict[int, float]:
    """Repeat → the sum over steps of the share that leaves there times what that takes."""
    leaves = leaves_of(bundle, results[0].target)
    if leaves is None:
        return {}
    whole: dict[int, float] = {}
    for repeat in dict.fromkeys(one.repeat for one in results):
        here = {one.what: one.summary.p50 for one in results if one.repeat == repeat}
        whole[repeat] = sum(share * here[f"end_to_end:{step}"] for step, share in enumerate(leaves))
    return whole
