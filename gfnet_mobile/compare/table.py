"""A comparison in rows of text, for the terminal and for Markdown."""

from collections.abc import Iterator

import numpy as np

from gfnet_mobile.calibrate.expectation import Figure
from gfnet_mobile.compare.report import Row

COLUMNS = (
    "network", "accuracy, %", "95 % interval", "mean, ms", "p95, ms", "worst, ms", "static ÷ it", "95 % interval",
    "interpolated", "95 % interval", "it ÷ oracle",
)  # fmt: skip


def cells(row: Row) -> Iterator[str]:
    """Name, figures and ratios of an option; empty where a static network has none."""
    option, expected = row.option, row.option.expected
    yield option.contender.name if option.rule is not None else f"{option.contender.name}, {option.contender.size} px"
    yield f"{100 * expected.accuracy.value:.2f}"
    yield f"{100 * expected.accuracy.low:.2f} to {100 * expected.accuracy.high:.2f}"
    yield from (f"{time:.3f}" for time in (option.mean_ms, expected.p95_ms.value, expected.worst_ms))
    for figure in (None, None) if row.ratio is None else (row.ratio.deployable, row.ratio.interpolated):
        yield from ("", "") if figure is None else times(figure)
    yield "" if row.over_oracle is None else f"{row.over_oracle:.2f}"


def times(figure: Figure) -> tuple[str, str]:
    """A ratio, and its interval."""
    low, value, high = (f"{one:.2f}" if np.isfinite(one) else "∞" for one in (figure.low, figure.value, figure.high))
    return value, f"{low} to {high}"
