"""``gfnet-mobile compare``: dynamic networks against static ones, and a verdict."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.cli.output import show
from gfnet_mobile.compare.contenders import contenders
from gfnet_mobile.compare.report import Comparison, plain
from gfnet_mobile.compare.report import compare as compared
from gfnet_mobile.compare.table import COLUMNS, cells, times
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.results import read_results
from gfnet_mobile.published.paper import CONDITIONS

EPILOG = (
    "Example: gfnet-mobile compare photos.gfnet static-*.gfnet --logits photos.logits --logits static-160.logits "
    "--latency phone.results.jsonl --picture comparison"
)
MOST_BUDGETS = 100


def compare(
    bundle: Annotated[list[Path], typer.Argument(help="Folders NAME.gfnet; those of one step are static.")],
    logits: Annotated[list[Path], typer.Option(help="Cached logits (evaluate --logits), a file a bundle; repeatable.")],
    latency: Annotated[list[Path], typer.Option(help="Results (bench --output) of all bundles; repeatable.")],
    accuracy: Annotated[
        float | None, typer.Option(help="Judge at this accuracy, percent. Default: 0.5 below what both kinds reach.")
    ] = None,
    budgets: Annotated[int, typer.Option(help="Mean latencies that each dynamic network gets a rule for.")] = 24,
    target: Annotated[str | None, typer.Option(help="Of the latencies, where the files have several.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of the latencies, where the files have several.")] = None,
    device: Annotated[str | None, typer.Option(help="Model, where the latencies have several devices.")] = None,
    mixed: Annotated[bool, typer.Option("--mixed", help="Compare although contexts differ.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw PICTURE.png and PICTURE.svg.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Accuracy over latency of every rule and every static network, and whether the dynamic one pays."""
    if accuracy is not None and not 1 <= accuracy <= 100:
        raise UserError(f"--accuracy {accuracy:g}: in percent, such as 95")
    if not 2 <= budgets <= MOST_BUDGETS:
        raise UserError(f"--budgets {budgets}: 2 to {MOST_BUDGETS}")
    results = [result for path in latency for result in read_results(path)]
    found = contenders(
        [open_bundle(one) for one in bundle],
        logits,
        results,
        target=target,
        threads=threads,
        device=device,
        mixed=mixed,
    )
    comparison = compared(found, budgets, None if accuracy is None else accuracy / 100)
    drawn = []
    if picture is not None:
        from gfnet_mobile.compare.draw import draw

        drawn = draw(comparison, picture)
    if as_json:
        print(json.dumps(plain(comparison)))
        return
    show(*dict.fromkeys(str(one.latency.context) for one in found), _table(comparison))
    show(*_lines(comparison))
    for path in drawn:
        show(f"picture: {path}")


def _table(comparison: Comparison) -> Table:
    table = Table(box=None)
    for column in COLUMNS:
        table.add_column(column)
    for row in comparison.rows:
        table.add_row(*cells(row))
    return table


def _lines(comparison: Comparison) -> Iterator[str]:
    """The paper's figures, and the verdicts last."""
    for paper in comparison.papers:
        points = (f"{one.accuracy} % at {one.ms:g} ms (static {one.static_ms:g})" for one in paper.points)
        yield f"{paper.family} in the paper, {CONDITIONS}: {', '.join(points)}"
    for one in comparison.verdicts:
        if one.ratio is not None and np.isfinite(one.ratio.interpolated.value):
            value, interval = times(one.ratio.interpolated)
            yield f"a static network of just that accuracy, between two sizes: {value} times as long ({interval})"
        yield one.sentence
    if not comparison.verdicts:
        yield "no verdict: it takes a dynamic network (several steps) and a static one (one step)"
