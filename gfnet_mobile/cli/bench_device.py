"""``gfnet-mobile bench --device``: a bundle's latency on a device, and what it comes to."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.cli.output import show
from gfnet_mobile.devices import opened as opened_device
from gfnet_mobile.errors import UserError, one_line
from gfnet_mobile.measure.device_table import EXPECTED, leaves_of, lines
from gfnet_mobile.measure.journal import Journal
from gfnet_mobile.measure.remote_bench import remote_bench
from gfnet_mobile.measure.results import Result, append_results
from gfnet_mobile.published.paper import CONDITIONS, paper_of


def bench_on(
    device: str,
    bundle: Bundle,
    against: Path | None,
    *,
    threads: Sequence[int],
    compute_units: Sequence[str | None],
    rounds: int,
    warmup: int,
    repeats: int,
    cooldown_s: float,
    output: Path | None,
    resume: bool,
) -> None:
    """Measure, append the results to ``output``, print a table. The journal beside ``output`` goes when all is done."""
    static = None if against is None else open_bundle(against)
    if static is not None and static.manifest.bundle_id == bundle.manifest.bundle_id:
        raise UserError(f"--against {against}: is the same network as {bundle.folder}")
    bundles = [bundle] if static is None else [bundle, static]
    output = output or Path(f"{bundle.manifest.name}.results.jsonl")
    place = output.with_name(f"{output.name}.journal")
    if place.exists() and not resume:
        raise UserError(f"{place}: a measurement that was not finished; go on with --resume, or delete the file")
    if resume and not place.exists():
        raise UserError(f"{place}: there is none, so nothing to --resume")
    with opened_device(device, bundles) as opened, _journal(place) as journal:
        results = remote_bench(
            opened,
            bundles,
            journal,
            threads=threads,
            compute_units=compute_units,
            rounds=rounds,
            warmup=warmup,
            repeats=repeats,
            cooldown_s=cooldown_s,
            progress=_Told().tell,
        )
    append_results(output, results)
    place.unlink()
    if sys.stderr.isatty():
        print(file=sys.stderr)
    _print(results, bundle, static)
    show(f"results: {output}")


@contextmanager
def _journal(place: Path) -> Iterator[Journal]:
    """The journal; it does not stay where nothing was begun."""
    with Journal(place) as journal:
        try:
            yield journal
        finally:
            if not any("run" in line for line in journal.lines):
                place.unlink()


class _Told:
    """Progress on stderr: numbers of samples in place on a terminal, elsewhere the first of a run only."""

    def __init__(self) -> None:
        self._counted = ""

    def tell(self, line: str) -> None:
        run = line.rpartition(": ")[0] if line.endswith(" samples") else ""
        if sys.stderr.isatty():
            print(f"\r\x1b[K{one_line(line)}", end="" if run else "\n", file=sys.stderr, flush=True)
        elif not run or run != self._counted:
            print(one_line(line), file=sys.stderr, flush=True)
        self._counted = run


def _print(results: Sequence[Result], bundle: Bundle, static: Bundle | None) -> None:
    first = results[0]
    show(f"{first.device.model}, {first.device.os}, {first.device.soc or first.device.abi}")
    show(f"{first.runtime} {first.runtime_version}, compression {first.compression}")
    for one in (one for one in results if one.what == "cold_load" and one.invalid):
        show(f"run {one.repeat}, {one.threads} thread(s), {one.compute_units} does not count: {one.invalid}")
    table = Table("threads", "units", "what", box=None)
    for column in ("median, ms", "of repeats, from", "to", "p95", "static took"):
        table.add_column(column, justify="right")
    for line in lines(results, bundle, static):
        figures = (f"{figure:.3f}" for figure in (line.median, line.lowest, line.highest, line.p95))
        ratio = "" if line.ratio is None else f"{line.ratio:.2f} times as long"
        what = f"{EXPECTED}, rule {bundle.manifest.default_rule}" if line.what == EXPECTED else line.what
        table.add_row(str(line.threads), line.compute_units, what, *figures, ratio)
    show(table)
    if leaves_of(bundle, first.target) is None:
        show(
            f"expected: not known: rule {bundle.manifest.default_rule} does not say which share leaves at each step "
            "(leaves in its calibration); gfnet-mobile evaluate prints it"
        )
    if paper := paper_of(bundle.manifest):
        points = (f"{one.accuracy} % at {one.ms:g} ms (static {one.static_ms:g})" for one in paper.points)
        show(f"{paper.family} in the paper, {CONDITIONS}: {', '.join(points)}")
    if not any(one.invalid is None for one in results):
        show("no run counts: let the device cool down, take it out of its case, and measure again")
