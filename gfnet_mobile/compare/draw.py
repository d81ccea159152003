"""The picture of a comparison: accuracy over mean, 95th percentile and worst latency, as PNG and SVG."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gfnet_mobile.compare.report import Comparison
from gfnet_mobile.files import replacing
from gfnet_mobile.measure.expectation import Expectation
from gfnet_mobile.published.paper import CONDITIONS

PANELS = {"mean": "mean latency, ms", "p95": "95th percentile, ms", "worst": "worst case, ms"}


def draw(comparison: Comparison, stem: Path) -> list[Path]:
    """Writes ``stem.png`` and ``stem.svg``; the same comparison gives the same files."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    axes: list[Axes] = list(figure.subplots(1, len(PANELS), sharey=True))
    for (kind, title), one in zip(PANELS.items(), axes, strict=True):
        _networks(one, comparison, kind)
        one.set_xlabel(title)
        one.grid(alpha=0.3)
    _beside(axes[0], comparison)
    axes[0].set_ylabel("accuracy, %")
    contexts = dict.fromkeys(str(one.latency.context) for one in comparison.contenders)
    figure.suptitle(" / ".join(contexts), fontsize=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    written = []
    with matplotlib.rc_context({"svg.hashsalt": "compare"}):
        for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            written.append(stem.with_name(f"{stem.name}.{ending}"))
            with replacing(written[-1]) as temporary:
                figure.savefig(temporary, format=ending, dpi=150, metadata=metadata)
    return written


def _networks(axes: Axes, comparison: Comparison, kind: str) -> None:
    """A line for each dynamic network, through its rules, and one marker for each static network."""
    for name in comparison.oracles:
        found = [row.option.expected for row in comparison.rows if row.option.contender.name == name]
        axes.errorbar(*_at(found, kind), yerr=_intervals(found), fmt="o-", ms=3, lw=1.2, elinewidth=0.6, label=name)
    statics = [row.option for row in comparison.rows if row.option.rule is None]
    if statics:
        found = [one.expected for one in statics]
        axes.errorbar(*_at(found, kind), yerr=_intervals(found), fmt="s", color="black", elinewidth=0.6, label="static")
        for one, x, y in zip(statics, *_at(found, kind), strict=True):
            axes.annotate(f"{one.contender.size} px", (x, y), (4, -10), textcoords="offset points", fontsize=7)


def _beside(axes: Axes, comparison: Comparison) -> None:
    """What has a mean latency only: the hull, the oracles, the paper's figures."""
    hull = comparison.hull
    axes.plot(*_line(hull), "--", color="gray", lw=0.8, label="hull: lots drawn between two")
    for name, spots in comparison.oracles.items():
        axes.plot(*_line(spots), ":", lw=1.2, label=f"{name}, oracle")
    for paper in comparison.papers:
        accuracy = [point.accuracy for point in paper.points]
        label = f"{paper.family} in the paper ({CONDITIONS})"
        axes.plot([point.ms for point in paper.points], accuracy, "*", label=label)
        axes.plot([point.static_ms for point in paper.points], accuracy, "+", label=f"{label}, static")


def _line(spots: Any) -> tuple[list[float], list[float]]:
    return [spot[1] for spot in spots], [100 * spot[0] for spot in spots]


def _at(found: list[Expectation], kind: str) -> tuple[list[float], list[float]]:
    times = {
        "mean": [one.mean_ms.value for one in found],
        "p95": [one.p95_ms.value for one in found],
        "worst": [one.worst_ms for one in found],
    }
    return times[kind], [100 * one.accuracy.value for one in found]


def _intervals(found: list[Expectation]) -> list[list[float]]:
    below = [100 * (one.accuracy.value - one.accuracy.low) for one in found]
    above = [100 * (one.accuracy.high - one.accuracy.value) for one in found]
    return [below, above]
