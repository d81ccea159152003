"""``gfnet-mobile export``: a checkpoint becomes a bundle."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnet_mobile.bundle.manifest import FORMS, Manifest
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError

if TYPE_CHECKING:
    from export.packaging import Ios
    from gfnet_mobile.measure.recalibrate import Recalibrated

EPILOG = "Example: gfnet-mobile export demo --target onnx --target coreml --output bundles"


def export(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint file, or the word demo.")],
    target: Annotated[list[str], typer.Option(help="onnx, executorch, coreml or executorch-coreml; repeatable.")],
    output: Annotated[Path, typer.Option(help="Folder that gets the bundle, NAME.gfnet.")],
    name: Annotated[str | None, typer.Option(help="Default: the name in the checkpoint.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Text file with a class name a line.")] = None,
    compress: Annotated[
        list[str] | None,
        typer.Option(metavar="[TARGET:][GRAPH=]FORM", help=f"How graphs are stored: {', '.join(FORMS)}; repeatable."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Folder with CLASS/picture: what compressed graphs and exit rules are fitted to."),
    ] = None,
    calibration_scenes: Annotated[
        int | None, typer.Option(help="So many validation scenes of the demo task, instead of --calibration.")
    ] = None,
    crop: Annotated[
        str, typer.Option(help="How a patch is cut: slice, one-hot (products), host (by the runner).")
    ] = "slice",
    fuse: Annotated[bool, typer.Option("--fuse", help="Join graphs that always follow each other.")] = False,
    about: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=TEXT", help="author, licence, version or description of the network; repeatable."),
    ] = None,
    ios: Annotated[int | None, typer.Option(help="Core ML: 16, 17 or 18, the first that must read it [16].")] = None,
    image_input: Annotated[bool, typer.Option("--image-input", help="Core ML: the image is a pixel buffer.")] = False,
    multifunction: Annotated[
        bool, typer.Option("--multifunction", help="Core ML: all graphs in one package (iOS 18).")
    ] = False,
    golden_images: Annotated[
        Path | None, typer.Option(help="Folder of pictures for the golden vectors. Default: pictures of our own.")
    ] = None,
) -> None:
    """Turn a checkpoint into a bundle: every graph for every target, the program, golden vectors."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from export import TARGETS
    from export.bundle import export_bundle
    from export.compress import parsed
    from export.crop import FORMS as CROPS
    from gfnet_mobile.models.checkpoint import checkpoint_path

    targets = list(dict.fromkeys(target))
    for unknown in (one for one in targets if one not in TARGETS):
        raise UserError(f"unknown target {unknown!r}; known are {', '.join(TARGETS)}")
    if ios is not None and not any(one.endswith("coreml") for one in targets):
        raise UserError("--ios: is about Core ML graphs; add --target coreml")
    for_coreml = {"--image-input": image_input, "--multifunction": multifunction}
    for option in (option for option, given in for_coreml.items() if given and "coreml" not in targets):
        raise UserError(f"{option}: is about Core ML graphs; add --target coreml")
    forms, system, said = parsed(compress or []), _ios(ios), _about(about or [])
    if multifunction and system < 18:
        raise UserError("--multifunction: packages of several functions are read by iOS 18 and later; add --ios 18")
    if crop not in CROPS:
        raise UserError(f"--crop {crop}: must be one of {', '.join(CROPS)}")
    if calibration is not None and calibration_scenes is not None:
        raise UserError("give either --calibration FOLDER or --calibration-scenes COUNT")
    found: list[Recalibrated] = []
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
            calibration=calibration if calibration is not None else calibration_scenes,
            crop=crop,
            fuse=fuse,
            about=said,
            ios=system,
            image_input=image_input,
            multifunction=multifunction,
            progress=lambda target, graph: progress.update(task, description=f"{target}: {graph}"),
            compressed=found.append,
        )
    _print_sizes(bundle, checkpoint_path(checkpoint).stat().st_size)
    _print_compressed(bundle, found, calibration is not None or calibration_scenes is not None)
    print(f"{bundle.folder}: exported, bundle_id {bundle.manifest.bundle_id}")
    print("next:")
    print(f"  gfnet-mobile verify {bundle.folder}")
    print(f"  gfnet-mobile bench {bundle.folder}")
    print(f"  gfnet-mobile run {bundle.folder} IMAGE")


def _ios(asked: int | None) -> "Ios":
    from export.packaging import IOS

    for one in IOS:
        if (asked or IOS[0]) == one:
            return one
    raise UserError(f"--ios {asked}: must be one of {', '.join(map(str, IOS))}")


def _about(asked: list[str]) -> dict[str, str]:
    from gfnet_mobile.models.config import About

    said = {}
    for one in asked:
        field, _, text = one.partition("=")
        if field not in About.model_fields or not text:
            raise UserError(f"--about {one}: must be FIELD=TEXT, FIELD one of {', '.join(About.model_fields)}")
        said[field] = text
    return said


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
        table.add_row(graph, *(_size(manifest, target, graph) for target in manifest.targets))
    table.add_row("total", *(f"{manifest.target_bytes(target) / 1000:.0f}" for target in manifest.targets))
    table.add_row("checkpoint", *(f"{checkpoint / 1000:.0f}" for _ in manifest.targets))
    show(table)


def _size(manifest: Manifest, target: str, graph: str) -> str:
    """In kilobytes; nothing for a graph that shares its file with others."""
    paths = [file.path for file in manifest.targets[target].graphs.values()]
    alone = paths.count(manifest.targets[target].graphs[graph].path) == 1
    return f"{manifest.graph_bytes(target, graph) / 1000:.0f}" if alone else ""


def _print_compressed(bundle: Bundle, found: "list[Recalibrated]", calibrated: bool) -> None:
    """What compression cost each target; and which of them still have the thresholds of the float32 network."""
    from rich.table import Table

    from gfnet_mobile.cli.output import show

    manifest = bundle.manifest
    for one in found:
        table = Table("", *(f"step {step}" for step in range(len(one.eager))), box=None)
        table.add_column(f"rule {one.rule}")
        rows = (
            ("float32", one.eager, one.before),
            ("compressed", one.compressed, one.old),
            ("with thresholds of its own", one.compressed, one.new),
        )
        for name, steps, rule in rows:
            end = f"{rule.accuracy:.2%} after {rule.mean_steps:.2f} steps"
            table.add_row(name, *(f"{accuracy:.2%}" for accuracy in steps), end)
        calibration = one.rules[one.rule].calibration
        data = calibration.data if calibration else ""
        show(f"\n{one.target}, {manifest.targets[one.target].compression}: accuracy on {data}", table)
    stale = [name for name, target in manifest.targets.items() if not (target.exact or target.rules)]
    if stale and any(threshold is not None for rule in manifest.rules.values() for threshold in rule.thresholds):
        mend = "it does not run here" if calibrated else "give --calibration FOLDER to find new ones"
        print(f"{', '.join(stale)}: compression moves confidences, thresholds are still those of float32: {mend}")
