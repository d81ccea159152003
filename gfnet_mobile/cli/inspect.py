"""``gfnet-mobile inspect``: what a bundle's Core ML graphs are made of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.errors import UserError

if TYPE_CHECKING:
    from gfnet_mobile.mlprogram.anatomy import Anatomy

EPILOG = "Example: gfnet-mobile inspect demo.gfnet"


def inspect(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet that was exported for Core ML.")],
    graph: Annotated[list[str] | None, typer.Option(help="Repeatable. Default: all.")] = None,
) -> None:
    """Print each Core ML graph's operators, parameters, bytes, multiply-adds, tensors, minimum system and what may
    keep it off the Neural Engine."""
    from gfnet_mobile.cli.output import show
    from gfnet_mobile.mlprogram.anatomy import anatomy

    opened = open_bundle(bundle)
    files = opened.target("coreml").graphs
    for unknown in (one for one in graph or () if one not in files):
        raise UserError(f"{bundle}: no graph {unknown!r}; it has {', '.join(files)}")
    for name in graph or files:
        found = anatomy(opened.path(files[name].path), files[name].entry)
        stored = ", ".join(f"{size / 1000:,.1f} kB {encoding}" for encoding, size in found.stored.items())
        takes = [f"{tensor} {_picture(found, tensor) or kind}" for tensor, kind in found.inputs.items()]
        show(
            f"{name} ({files[name].path}, {found.system} and later)",
            f"  takes         {', '.join(takes)}",
            f"  gives         {', '.join(f'{tensor} {kind}' for tensor, kind in found.outputs.items())}",
            f"  operators     {', '.join(f'{count} {kind}' for kind, count in found.operators.items())}",
            f"  parameters    {found.parameters:,}; {stored or 'nothing stored'}",
            f"  multiply-adds {found.multiply_adds:,}",
            *(f"  may leave the Neural Engine: {reason}" for reason in found.obstacles),
        )


def _picture(found: "Anatomy", tensor: str) -> str:
    """ "" unless it is one."""
    if tensor not in found.pictures:
        return ""
    height, width = found.inputs[tensor].shape[-2:]
    return f"picture {height} x {width} {found.pictures[tensor]}"
