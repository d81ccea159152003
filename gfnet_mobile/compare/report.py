"""A comparison as a whole, and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gfnet_mobile.calibrate.expectation import Figure
from gfnet_mobile.compare.contenders import Contender
from gfnet_mobile.compare.curves import Spot, hull, oracle, oracle_ms
from gfnet_mobile.compare.options import Option, options_of
from gfnet_mobile.compare.ratios import Ratio, drawn_latencies, ratio
from gfnet_mobile.compare.verdict import Verdict, verdict
from gfnet_mobile.published.paper import CONDITIONS, Paper, paper_of


@dataclass(frozen=True)
class Row:
    option: Option
    ratio: Ratio | None
    """to the static networks; None for one of them, and where there are none"""
    over_oracle: float | None
    """mean latency ÷ the oracle's at the same accuracy; None for a static network"""


@dataclass(frozen=True)
class Comparison:
    contenders: Sequence[Contender]
    rows: Sequence[Row]
    """dynamic networks' rules, the tightest first, then static networks, the fastest first"""
    hull: Sequence[Spot]
    oracles: dict[str, Sequence[Spot]]
    """of each dynamic network"""
    papers: Sequence[Paper]
    """of dynamic networks that the paper has measured"""
    verdicts: Sequence[Verdict]
    """on each dynamic network, where there is a static one"""


def compare(contenders: Sequence[Contender], budgets: int, wanted: float | None = None) -> Comparison:
    """Rules for so many ``budgets`` of each dynamic network; the verdicts at the accuracy ``wanted``, between 0 and 1.
    Raises UserError for logits that do not suffice."""
    drawn = drawn_latencies(contenders)
    options = [options_of(one, budgets) for one in contenders]
    statics = [one for found in options for one in found if one.rule is None]
    statics.sort(key=lambda one: one.mean_ms)
    dynamics = [found for found in options if found[0].rule is not None]
    oracles: dict[str, Sequence[Spot]] = {one.name: oracle(one) for one in contenders if one.steps > 1}
    rows = []
    for one in (one for found in dynamics for one in found):
        ideal = oracle_ms(oracles[one.contender.name], one.expected.accuracy.value)
        rows.append(Row(one, ratio(one, statics, drawn) if statics else None, one.mean_ms / ideal))
    rows += [Row(one, None, None) for one in statics]
    papers = dict.fromkeys(paper_of(one.bundle.manifest) for one in contenders)
    return Comparison(
        contenders=contenders,
        rows=rows,
        hull=hull([(row.option.expected.accuracy.value, row.option.mean_ms) for row in rows]),
        oracles=oracles,
        papers=[paper for paper in papers if paper is not None],
        verdicts=[verdict(found, statics, drawn, wanted) for found in dynamics] if statics else [],
    )


def plain(comparison: Comparison) -> dict[str, Any]:
    """For JSON; infinite figures are null."""
    return {
        "contexts": {one.name: str(one.latency.context) for one in comparison.contenders},
        "rows": [_row(row) for row in comparison.rows],
        "hull": [_spot(spot) for spot in comparison.hull],
        "oracles": {name: [_spot(spot) for spot in spots] for name, spots in comparison.oracles.items()},
        "paper": [{"conditions": CONDITIONS, **asdict(paper)} for paper in comparison.papers],
        "verdicts": [_verdict(one) for one in comparison.verdicts],
    }


def _row(row: Row) -> dict[str, Any]:
    option = row.option
    return {
        "network": option.contender.name,
        "size": option.contender.size,
        "rule": None if option.rule is None else option.rule.model_dump(exclude={"calibration"}),
        "mean_ms": option.mean_ms,
        "expected": asdict(option.expected),
        "over_oracle": row.over_oracle,
        "static_over_dynamic": _ratio(row.ratio),
    }


def _verdict(one: Verdict) -> dict[str, Any]:
    dynamic, static = one.dynamic, one.static
    return {
        "kind": one.kind,
        "sentence": one.sentence,
        "wanted": one.wanted,
        "accuracy": None if dynamic is None else dynamic.expected.accuracy.value,
        "static": None if static is None else static.contender.name,
        "static_over_dynamic": _ratio(one.ratio),
    }


def _spot(spot: Spot) -> dict[str, float]:
    return {"accuracy": spot[0], "mean_ms": spot[1]}


def _ratio(found: Ratio | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"deployable": _figure(found.deployable), "interpolated": _figure(found.interpolated)}


def _figure(figure: Figure) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in asdict(figure).items()}
