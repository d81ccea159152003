"""``gfnet-mobile verify``: every target that runs here against the golden vectors."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.errors import CheckFailed
from gfnet_mobile.runtimes import is_interpreted

if TYPE_CHECKING:
    from gfnet_mobile.measure.verify import Apart, Report

EPILOG = "Example: gfnet-mobile verify demo.gfnet --target onnx"

LOADED = {
    "coreml": "Core ML compiles them",
    "executorch-coreml": "ExecuTorch's delegate loads them and Core ML compiles them",
}
"""interpreted target → what an interpreter cannot show"""


def verify(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet.")],
    target: Annotated[list[str] | None, typer.Option(help="Repeatable. Default: all of the bundle.")] = None,
    device: Annotated[str | None, typer.Option(help="Run it there: android, ios, tcp:HOST:PORT, KIND:WHICH.")] = None,
) -> None:
    """Compare a bundle's targets with its golden vectors: graph by graph, then the whole loop."""
    from rich.table import Table

    from gfnet_mobile.cli.output import show
    from gfnet_mobile.measure.verify import verify as compare

    opened = open_bundle(bundle)
    everything = target or list(opened.manifest.targets)
    report = compare(opened, everything) if device is None else _on(device, opened, target)
    table = Table("target", "runtime", "run as", "step", "graph", "tensor", "difference", "allowed", "", box=None)
    for row in report.rows:
        difference, allowed = f"{row.difference:.2g}", f"{row.tolerance:.2g}"
        mark = "ok" if row.ok else "TOO LARGE"
        table.add_row(
            row.target, row.runtime, row.mode, str(row.step), row.graph, row.tensor, difference, allowed, mark
        )
    if report.rows:
        show(table)
    for found in report.agreements:
        labels, steps = f"{found.labels} of {found.images}", f"{found.steps} of {found.images}"
        alike = f"same label for {labels} images, same number of steps for {steps}"
        show(f"{found.target}, {found.runtime}: whole loop: {alike}")
    here = [] if device else [found.target for found in report.agreements if is_interpreted(found.target)]
    for name in here:
        show(f"{name}: proven: the saved files compute the above, interpreted operator by operator")
        show(f"{name}: not proven, for want of a Mac or a phone: that {LOADED[name]}, where, how fast")
    for line in _apart(report.apart):
        show(line)
    for name, reason in report.not_run.items():
        show(f"{name}: not run: {reason}")
    for one in report.probed:
        problem = f": {one.problem}" if one.problem else " give what they gave when they were exported"
        show(f"{one.target}: {one.graph}: {one.operators} results of operators{problem}")
    changed = [f"{one.target} {one.graph}" for one in report.probed if one.problem]
    if changed:
        raise CheckFailed(f"{bundle}: not what was exported: {', '.join(changed)}")
    failures = [row for row in report.rows if not row.ok]
    if failures:
        raise CheckFailed(f"{bundle}: {len(failures)} of {len(report.rows)} tensors differ by more than allowed")
    if not report.rows:
        raise CheckFailed(f"{bundle}: none of these targets runs on this machine, so nothing was verified")


def _on(device: str, bundle: Bundle, target: list[str] | None) -> "Report":
    """Each graph, and the loop, call by call over the wire."""
    from gfnet_mobile.devices import refuse_target, session_on
    from gfnet_mobile.measure.verify import verify_session

    refuse_target(target)
    with session_on(device, bundle) as session:
        return verify_session(session)


def _apart(found: Sequence["Apart"]) -> Iterator[str]:
    """Where a target has two runtimes, how far apart they are: the worst tensor, and positions."""
    for target, tensors in groupby(found, lambda one: one.target):
        apart = list(tensors)
        first, second = apart[0].runtimes
        worst = max((one for one in apart if one.tensor != "position"), key=lambda one: one.difference)
        place = f"{worst.difference:.2g} of the largest value ({worst.graph}, {worst.tensor})"
        pixels = max((one.difference for one in apart if one.tensor == "position"), default=0)
        yield f"{target}: {first} and {second} differ by at most {place}, positions by {pixels:g} pixels"
