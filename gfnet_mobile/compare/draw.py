"""The picture of a comparison: accuracy over mean, 95th percentile and worst latency, as PNG and SVG."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gfnet_mobile.compare.options import Option
from gfnet_mobile.compare.report import Comparison
from gfnet_mobile.files import replacing
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
        one.margins(x=0.12)
    _beside(axes[0], comparison)
    axes[0].set_ylabel("accuracy, %")
    contexts = dict.fromkeys(str(one.latency.context) for one in comparison.contenders)
    figure.suptitle(" / ".join(contexts), fontsize=8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", fontsize=8)
    written = []
    with matplotlib.rc_context({"svg.hashsalt": "compare", "svg.fonttype": "none"}):
        for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
            written.append(stem.with_name(f"{stem.name}.{ending}"))
            with replacing(written[-1]) as temporary:
                figure.savefig(temporary, format=ending, dpi=150, metadata=metadata)
    return written


def _networks(axes: Axes, comparison: Comparison, kind: str) -> None:
    """A line for each dynamic network, through its rules, and one marker for each static network."""
    for name in comparison.oracles:
        found = [row.option for row in comparison.rows if row.option.contender.name == name]
        axes.errorbar(*_at(found, kind), yerr=_intervals(found), fmt="o-", ms=3, lw=1.2, elinewidth=0.6, label=name)
    statics = [row.option for row in comparison.rows if row.option.rule is None]
    if statics:
        axes.errorbar(
            *_at(statics, kind), yerr=_intervals(statics), fmt="s", color="black", elinewidth=0.6, label="static"
        )
        for one, x, y in zip(statics, *_at(statics, kind), strict=True):
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


def _at(options: list[Option], kind: str) -> tuple[list[float], list[float]]:
    times = {
        "mean": [one.mean_ms for one in options],
        "p95": [one.expected.p95_ms.value for one in options],
        "worst": [one.expected.worst_ms for one in options],
    }
    return times[kind], [100 * one.expected.accuracy.value for one in options]


def _intervals(options: list[Option]) -> list[list[float]]:
    """Of the accuracy, below and above."""
    found = [one.expected.accuracy for one in options]
    return [[100 * (one.value - one.low) for one in found], [100 * (one.high - one.value) for one in found]]
