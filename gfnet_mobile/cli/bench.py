"""``gfnet-mobile bench``: a bundle's latency, on this machine or on a device."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.cli.output import show, whole_numbers
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes import is_interpreted, runnable

EPILOG = (
    "Example: gfnet-mobile bench demo.gfnet --device ios --compute-units all,cpu --repeats 3 --against static.gfnet"
)

UNITS = {"all": "all", "cpu": "cpu", "ne": "cpu_and_ne", "gpu": "cpu_and_gpu"}
"""what ``--compute-units`` takes → the manifest's name"""


def bench(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet.")],
    target: Annotated[list[str] | None, typer.Option(help="Repeatable. Default: all that run here.")] = None,
    threads: Annotated[str, typer.Option(help="Threads of the runtime, or several numbers: 1,2,4.")] = "1",
    rounds: Annotated[
        int | None, typer.Option(help="Each runs everything once. Default: 30, on a device 100.", show_default=False)
    ] = None,
    warmup: Annotated[
        int | None, typer.Option(help="Rounds that do not count. Default: 5, on a device 10.", show_default=False)
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Append the results to this file, as JSON lines.")] = None,
    device: Annotated[str | None, typer.Option(help="Measure there: android, ios, tcp:HOST:PORT, KIND:WHICH.")] = None,
    repeats: Annotated[int, typer.Option(help="On a device: so many runs, cooled in between.")] = 1,
    cooldown: Annotated[float, typer.Option(help="On a device: wait so many seconds at most until it is cool.")] = 300,
    compute_units: Annotated[
        str | None,
        typer.Option(help="On a device: all, cpu, ne, gpu, or several: all,cpu. Default: what the bundle suggests."),
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="Another bundle, measured in turn with this one to compare; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="On a device: go on where it was interrupted.")] = False,
) -> None:
    """Measure each graph, the whole sequence up to each step, and loading."""
    opened, counts = (
        [open_bundle(one) for one in (bundle, *(against or []))],
        whole_numbers("--threads", threads, "1,2,4"),
    )
    for one in opened[1:]:
        if one.manifest.bundle_id == opened[0].manifest.bundle_id:
            raise UserError(f"--against {one.folder}: is the same network as {bundle}")
    if device is None:
        if repeats != 1 or resume or compute_units is not None:
            raise UserError("--repeats, --compute-units and --resume: are for --device")
        _here(opened, target, counts, 30 if rounds is None else rounds, 5 if warmup is None else warmup, output)
        return
    from gfnet_mobile.cli.bench_device import bench_on
    from gfnet_mobile.devices import refuse_target

    refuse_target(target)
    bench_on(
        device,
        opened,
        threads=counts,
        compute_units=named_units(compute_units),
        rounds=100 if rounds is None else rounds,
        warmup=10 if warmup is None else warmup,
        repeats=repeats,
        cooldown_s=cooldown,
        output=output,
        resume=resume,
    )


def named_units(named: str | None) -> list[str | None]:
    """The manifest's names of what ``--compute-units`` names; its own are taken too. None: what it suggests."""
    if named is None:
        return [None]
    units = [UNITS.get(part.strip(), part.strip()) for part in named.split(",")]
    for unknown in (one for one in units if one not in UNITS.values()):
        raise UserError(f"--compute-units {named}: no {unknown!r}; there are {', '.join(UNITS)}")
    return list(dict.fromkeys(units))


def _here(
    bundles: Sequence[Bundle],
    target: Sequence[str] | None,
    threads: Sequence[int],
    rounds: int,
    warmup: int,
    output: Path | None,
) -> None:
    from rich.table import Table

    from gfnet_mobile.measure.bench import bench as measure
    from gfnet_mobile.measure.results import append_results

    first, *against = bundles
    targets = list(dict.fromkeys(target or runnable(first)))
    results = [
        result
        for count in threads
        for result in measure(first, targets, against=against, threads=count, rounds=rounds, warmup=warmup)
    ]
    names = {bundle.manifest.bundle_id: bundle.manifest.name for bundle in bundles}
    columns = ("n", "mean", "std", "min", "p50", "p90", "p95", "max")
    table = Table("network", "target", "threads", "what, ms", box=None)
    for column in columns:
        table.add_column(column, justify="right")
    for result in results:
        figures = result.summary.model_dump()
        cells = (f"{figures[column]:.3f}" if column != "n" else str(figures[column]) for column in columns)
        table.add_row(names[result.bundle_id], result.target, str(result.threads), result.what, *cells)
    context, load = results[0], (results[0].start.load_average, results[-1].end.load_average)
    show(f"{context.device.model}, {context.device.os}, load {load}", table)
    for interpreted in (one for one in targets if is_interpreted(one)):
        show(f"{interpreted}: interpreted here, which says nothing on its latency")
    if output is not None:
        append_results(output, results)
