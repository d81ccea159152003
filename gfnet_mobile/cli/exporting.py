"""What ``export`` and ``export-static`` share: options, their checks, progress, and what is printed at the end."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnet_mobile.bundle.manifest import FORMS, Compression, Manifest
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError

if TYPE_CHECKING:
    from export.crop import CropForm
    from export.packaging import Ios
    from gfnet_mobile.calibrate.recalibrate import Recalibrated
    from gfnet_mobile.models.checkpoint import Checkpoint

Target = Annotated[list[str], typer.Option(help="onnx, executorch, coreml or executorch-coreml; repeatable.")]
Output = Annotated[Path, typer.Option(help="Folder that gets the bundle, NAME.gfnet.")]
Labels = Annotated[Path | None, typer.Option(help="Text file with a class name a line.")]
Compress = Annotated[
    list[str] | None,
    typer.Option(metavar="[TARGET:][GRAPH=]FORM", help=f"How graphs are stored: {', '.join(FORMS)}; repeatable."),
]
CalibrationFolder = Annotated[
    Path | None, typer.Option(help="Folder with CLASS/picture: what compressed graphs and exit rules are fitted to.")
]
CalibrationScenes = Annotated[
    int | None, typer.Option(help="So many validation scenes of the demo task, instead of --calibration.")
]
AboutFields = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD=TEXT", help="author, licence, version or description of the network; repeatable."),
]
FirstIos = Annotated[int | None, typer.Option(help="Core ML: 16, 17 or 18, the first that must read it [16].")]
ImageInput = Annotated[bool, typer.Option("--image-input", help="Core ML: the image is a pixel buffer.")]
GoldenImages = Annotated[
    Path | None, typer.Option(help="Folder of pictures for the golden vectors. Default: pictures of our own.")
]


@dataclass(frozen=True)
class Asked:
    """The options that both commands have, checked."""

    targets: list[str]
    output: Path
    labels: Path | None
    compress: dict[str, Compression]
    calibration: Path | int | None
    about: dict[str, str]
    ios: "Ios"
    image_input: bool
    golden: Path | None


def asked_for(
    target: Sequence[str],
    output: Path,
    labels: Path | None,
    compress: Sequence[str] | None,
    calibration: Path | None,
    calibration_scenes: int | None,
    about: Sequence[str] | None,
    ios: int | None,
    image_input: bool,
    golden_images: Path | None,
) -> Asked:
    """Raises UserError for options that are not known or do not go together."""
    from export import TARGETS
    from export.compress import parsed

    targets = list(dict.fromkeys(target))
    for unknown in (one for one in targets if one not in TARGETS):
        raise UserError(f"unknown target {unknown!r}; known are {', '.join(TARGETS)}")
    if ios is not None and not any(one.endswith("coreml") for one in targets):
        raise UserError("--ios: is about Core ML graphs; add --target coreml")
    if image_input and "coreml" not in targets:
        raise UserError("--image-input: is about Core ML graphs; add --target coreml")
    forms, system, said = parsed(compress or []), _ios(ios), _about(about or [])
    if calibration is not None and calibration_scenes is not None:
        raise UserError("give either --calibration FOLDER or --calibration-scenes COUNT")
    source = calibration if calibration is not None else calibration_scenes
    return Asked(targets, output, labels, forms, source, said, system, image_input, golden_images)


def export_asked(
    source: "str | Checkpoint",
    asked: Asked,
    *,
    name: str | None = None,
    crop: "CropForm" = "slice",
    fuse: bool = False,
    multifunction: bool = False,
) -> Bundle:
    """Export a checkpoint as ``asked``, with progress on stderr; print sizes and what compression cost."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from export.bundle import export_bundle
    from gfnet_mobile.models.checkpoint import checkpoint_path

    found: list[Recalibrated] = []
    console = Console(file=sys.stderr)  # this very stream: the frameworks' own progress goes to another meanwhile
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    title = source if isinstance(source, str) else source.model.config.name
    with Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        task = progress.add_task(f"{title}: reading", total=None)
        bundle = export_bundle(
            source,
            asked.targets,
            asked.output,
            name=name,
            golden=asked.golden,
            labels=asked.labels,
            compress=asked.compress,
            calibration=asked.calibration,
            crop=crop,
            fuse=fuse,
            about=asked.about,
            ios=asked.ios,
            image_input=asked.image_input,
            multifunction=multifunction,
            progress=lambda target, graph: progress.update(task, description=f"{target}: {graph}"),
            compressed=found.append,
        )
    if isinstance(source, str):
        size = checkpoint_path(source).stat().st_size
    else:
        size = sum(tensor.nbytes for tensor in source.model.state_dict().values())
    _print_sizes(bundle, size)
    _print_compressed(bundle, found, asked.calibration is not None)
    print(f"{bundle.folder}: exported, bundle_id {bundle.manifest.bundle_id}")
    return bundle


def _ios(asked: int | None) -> "Ios":
    from export.packaging import IOS

    for one in IOS:
        if (asked or IOS[0]) == one:
            return one
    raise UserError(f"--ios {asked}: must be one of {', '.join(map(str, IOS))}")


def _about(asked: Sequence[str]) -> dict[str, str]:
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
