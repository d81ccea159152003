"""``gfnet-mobile convert``: a checkpoint of GFNet's authors becomes one of ours."""

from pathlib import Path
from typing import Annotated

import typer

from gfnet_mobile.errors import UserError

EPILOG = "Example: gfnet-mobile convert resnet50_patch_size_96_T5.pth.tar --output checkpoints"


def convert(
    file: Annotated[Path, typer.Argument(help="A released file, *.pth.tar, or one of the training script.")],
    output: Annotated[Path, typer.Option(help="Folder that gets the checkpoint, NAME.safetensors.")],
    labels: Annotated[Path | None, typer.Option(help="Text file with a class name a line, for the bundle.")] = None,
) -> None:
    """Turn a published GFNet checkpoint into a safetensors file. The same input gives the same bytes."""
    from gfnet_mobile.data.labels import labelled
    from gfnet_mobile.files import sha256
    from gfnet_mobile.models.checkpoint import save_checkpoint
    from gfnet_mobile.published.convert import load_published
    from gfnet_mobile.published.file import is_published

    if not file.is_file():
        raise UserError(f"{file}: no such file")
    if not is_published(file):
        raise UserError(f"{file}: no checkpoint of GFNet's authors (a file that torch.save wrote)")
    found = load_published(file)
    model = labelled(found.model, labels)
    path = output / f"{model.config.name}.safetensors"
    save_checkpoint(model, path, found.rules)
    config = model.config
    print(f"{path}: {config.steps} steps, patches of {config.patch} pixels, {config.classes} classes")
    before, after = file.stat().st_size / 1e6, path.stat().st_size / 1e6
    print(f"{len(found.rules)} exit rules; {before:.1f} MB before, {after:.1f} MB now")
    print(f"left out, because no step reads them: {', '.join(found.unused)}")
    print(f"sha256 {sha256(path)}")
    print("next:")
    print(f"  gfnet-mobile export {path} --target onnx --target executorch --target coreml --output bundles")
