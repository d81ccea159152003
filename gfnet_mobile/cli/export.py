"""``gfnet-mobile export``: a checkpoint becomes a bundle."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnet_mobile.bundle.manifest import FORMS, Compression
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError

if TYPE_CHECKING:
    from export.packaging import Ios

EPILOG = "Example: gfnet-mobile export demo --target onnx --target coreml --output bundles"


def export(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint file, or the word demo.")],
    target: Annotated[list[str], typer.Option(help="onnx, executorch, coreml or executorch-coreml; repeatable.")],
    output: Annotated[Path, typer.Option(help="Folder that gets the bundle, NAME.gfnet.")],
    name: Annotated[str | None, typer.Option(help="Default: the name in the checkpoint.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Text file with a class name a line.")] = None,
    compress: Annotated[
        list[str] | None,
        typer.Option(metavar="[GRAPH=]FORM", help=f"How graphs are stored: {', '.join(FORMS)}; repeatable."),
    ] = None,
    ios: Annotated[int | None, typer.Option(help="16, 17 or 18: the first that reads the Core ML graphs [16].")] = None,
    golden_images: Annotated[
        Path | None, typer.Option(help="Folder of pictures for the golden vectors. Default: pictures of our own.")
    ] = None,
) -> None:
    """Turn a checkpoint into a bundle: every graph for every target, the program, golden vectors."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from export import TARGETS
    from export.bundle import export_bundle
    from gfnet_mobile.models.checkpoint import checkpoint_path

    targets = list(dict.fromkeys(target))
    for unknown in (one for one in targets if one not in TARGETS):
        raise UserError(f"unknown target {unknown!r}; known are {', '.join(TARGETS)}")
    forms, system = _forms(compress or []), _ios(ios, targets)
    console = Console(file=sys.stderr)  # this very stream: the frameworks' own progress goes to another meanwhile
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task(f"{checkpoint}: reading", total=None)
        bundle = export_bundle(
            checkpoint,
            targets,
            output,
            name=name,
            golden=golden_images,
            labels=labels,
            compress=forms,
            ios=system,
            progress=lambda target, graph: progress.update(task, description=f"{target}: {graph}"),
        )
    _print_sizes(bundle, checkpoint_path(checkpoint).stat().st_size)
    print(f"{bundle.folder}: exported, bundle_id {bundle.manifest.bundle_id}")
    print("next:")
    print(f"  gfnet-mobile verify {bundle.folder}")
    print(f"  gfnet-mobile bench {bundle.folder}")
    print(f"  gfnet-mobile run {bundle.folder} IMAGE")


def _forms(asked: list[str]) -> dict[str, Compression]:
    """``GRAPH=FORM`` by graph; a form alone, under "", is meant for all others."""
    forms: dict[str, Compression] = {}
    for one in asked:
        graph, _, word = one.rpartition("=")
        if word not in FORMS:
            raise UserError(f"--compress {one}: unknown form {word!r}; known are {', '.join(FORMS)}")
        if graph in forms:
            raise UserError(f"--compress {one}: said twice for {graph or 'all graphs'}")
        forms[graph] = word
    return forms


def _ios(asked: int | None, targets: list[str]) -> "Ios":
    from export.packaging import IOS

    if asked is not None and not any(target.endswith("coreml") for target in targets):
        raise UserError("--ios: says for whom Core ML graphs are; add --target coreml")
    for one in IOS:
        if (asked or IOS[0]) == one:
            return one
    raise UserError(f"--ios {asked}: must be one of {', '.join(map(str, IOS))}")


def _print_sizes(bundle: Bundle, checkpoint: int) -> None:
    """Kilobytes of each graph (rows) for each target (columns), and of the ``checkpoint`` (bytes), which may hold
    weights that no step reads."""
    from rich.table import Table

    from gfnet_mobile.cli.output import show

    manifest = bundle.manifest
    table = Table("graph, kB", box=None)
    for target in manifest.targets:
        table.add_column(target, justify="right")
    for graph in manifest.graphs:
        table.add_row(graph, *(f"{manifest.graph_bytes(target, graph) / 1000:.0f}" for target in manifest.targets))
    totals = [sum(manifest.graph_bytes(target, graph) for graph in manifest.graphs) for target in manifest.targets]
    table.add_row("total", *(f"{total / 1000:.0f}" for total in totals))
    table.add_row("checkpoint", *(f"{checkpoint / 1000:.0f}" for _ in totals))
    show(table)
