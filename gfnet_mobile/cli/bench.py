"""``gfnet-mobile bench``: a bundle's latency on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.runtimes import is_interpreted, runnable

EPILOG = "Example: gfnet-mobile bench demo.gfnet --rounds 100 --output results.jsonl"


def bench(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet.")],
    target: Annotated[list[str] | None, typer.Option(help="Repeatable. Default: all that run here.")] = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
    rounds: Annotated[int, typer.Option(help="Each round runs everything once.")] = 30,
    warmup: Annotated[int, typer.Option(help="Rounds that do not count.")] = 5,
    output: Annotated[Path | None, typer.Option(help="Append the results to this file, as JSON lines.")] = None,
) -> None:
    """Measure each graph, the whole sequence up to each step, and loading."""
    from rich.table import Table

    from gfnet_mobile.cli.output import show
    from gfnet_mobile.measure.bench import bench as measure
    from gfnet_mobile.measure.results import append_results

    opened = open_bundle(bundle)
    targets = list(dict.fromkeys(target or runnable(opened)))
    results = measure(opened, targets, threads=threads, rounds=rounds, warmup=warmup)
    columns = ("n", "mean", "std", "min", "p50", "p90", "p95", "max")
    table = Table("target", "what, ms", box=None)
    for column in columns:
        table.add_column(column, justify="right")
    for result in results:
        figures = result.summary.model_dump()
        cells = (f"{figures[column]:.3f}" if column != "n" else str(figures[column]) for column in columns)
        table.add_row(result.target, result.what, *cells)
    context, load = results[0], (results[0].start.load_average, results[0].end.load_average)
    show(f"{context.device.model}, {context.device.os}, {threads} thread(s), load {load}", table)
    for interpreted in (one for one in targets if is_interpreted(one)):
        show(f"{interpreted}: interpreted here, which says nothing on its latency")
    if output is not None:
        append_results(output, results)
