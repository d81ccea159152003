"""``gfnet-mobile export-static``: a static network at several sizes, a bundle of one step for each."""

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
from gfnet_mobile.cli.output import whole_numbers

EPILOG = (
    "Example: gfnet-mobile export-static mobilenetv3_large_100 --pretrained timm --sizes 160,192,224 --target onnx "
    "--output bundles"
)


def export_static(
    model: Annotated[str, typer.Argument(help="Name of a timm classifier, or a static checkpoint of ours.")],
    target: Target,
    output: Output,
    pretrained: Annotated[
        str | None, typer.Option(help="For a timm name: a file of its weights, or the word timm to download them.")
    ] = None,
    sizes: Annotated[
        str | None, typer.Option(help="Sides of the image, pixels: 96,128. Default: the network's own.")
    ] = None,
    labels: Labels = None,
    compress: Compress = None,
    calibration: CalibrationFolder = None,
    calibration_scenes: CalibrationScenes = None,
    about: AboutFields = None,
    ios: FirstIos = None,
    image_input: ImageInput = False,
    golden_images: GoldenImages = None,
) -> None:
    """Turn a static network into bundles to compare with: any timm classifier as it is, at each size."""
    from gfnet_mobile.models.static import static_checkpoints

    asked = asked_for(
        target, output, labels, compress, calibration, calibration_scenes, about, ios, image_input, golden_images
    )
    sides = whole_numbers("--sizes", sizes, "96,128") if sizes is not None else []
    bundles = [export_asked(one, asked) for one in static_checkpoints(model, pretrained, sides)]
    folders = " ".join(str(bundle.folder) for bundle in bundles)
    print("next:")
    print(f"  gfnet-mobile verify {bundles[0].folder}")
    print(f"  gfnet-mobile compare DYNAMIC.gfnet {folders} --logits FILE --latency FILE")
