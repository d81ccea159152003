"""``gfnet-mobile export``: a checkpoint becomes a bundle."""

from typing import Annotated

import typer

from gfnet_mobile.cli.exporting import (
    AboutFields,
    CalibrationFolder,
    CalibrationScenes,
    Compress,
    FirstIos,
    GoldenImages,
    ImageInput,
    Labels,
    Output,
    Target,
    asked_for,
    export_asked,
)
from gfnet_mobile.errors import UserError

EPILOG = "Example: gfnet-mobile export demo --target onnx --target coreml --output bundles"


def export(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint file, or the word demo.")],
    target: Target,
    output: Output,
    name: Annotated[str | None, typer.Option(help="Default: the name in the checkpoint.")] = None,
    labels: Labels = None,
    compress: Compress = None,
    calibration: CalibrationFolder = None,
    calibration_scenes: CalibrationScenes = None,
    crop: Annotated[
        str, typer.Option(help="How a patch is cut: slice, one-hot (products), host (by the runner).")
    ] = "slice",
    fuse: Annotated[bool, typer.Option("--fuse", help="Join graphs that always follow each other.")] = False,
    about: AboutFields = None,
    ios: FirstIos = None,
    image_input: ImageInput = False,
    multifunction: Annotated[
        bool, typer.Option("--multifunction", help="Core ML: all graphs in one package (iOS 18).")
    ] = False,
    golden_images: GoldenImages = None,
) -> None:
    """Turn a checkpoint into a bundle: every graph for every target, the program, golden vectors."""
    from export.crop import FORMS as CROPS

    asked = asked_for(
        target, output, labels, compress, calibration, calibration_scenes, about, ios, image_input, golden_images
    )
    if multifunction and "coreml" not in asked.targets:
        raise UserError("--multifunction: is about Core ML graphs; add --target coreml")
    if multifunction and asked.ios < 18:
        raise UserError("--multifunction: packages of several functions are read by iOS 18 and later; add --ios 18")
    if crop not in CROPS:
        raise UserError(f"--crop {crop}: must be one of {', '.join(CROPS)}")
    bundle = export_asked(checkpoint, asked, name=name, crop=crop, fuse=fuse, multifunction=multifunction)
    print("next:")
    print(f"  gfnet-mobile verify {bundle.folder}")
    print(f"  gfnet-mobile bench {bundle.folder}")
    print(f"  gfnet-mobile run {bundle.folder} IMAGE")
