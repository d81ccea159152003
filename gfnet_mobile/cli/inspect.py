"""``gfnet-mobile inspect``: what a bundle's Core ML graphs are made of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.cli.bench import named_units
from gfnet_mobile.errors import UserError

if TYPE_CHECKING:
    from gfnet_mobile.mlprogram.anatomy import Anatomy

EPILOG = "Example: gfnet-mobile inspect demo.gfnet --device ios"


def inspect(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet that was exported for Core ML.")],
    graph: Annotated[list[str] | None, typer.Option(help="Repeatable. Default: all.")] = None,
    device: Annotated[str | None, typer.Option(help="Ask a phone where it runs them: ios, ios:UDID.")] = None,
    compute_units: Annotated[
        str | None, typer.Option(help="On a device: all, cpu, ne or gpu. Default: what the bundle suggests.")
    ] = None,
) -> None:
    """Print each Core ML graph's operators, parameters, bytes, multiply-adds, tensors, minimum system and what may
    keep it off the Neural Engine; with a device, what its system says of that, operator by operator."""
    opened = open_bundle(bundle)
    files = opened.target("coreml").graphs
    for unknown in (one for one in graph or () if one not in files):
        raise UserError(f"{bundle}: no graph {unknown!r}; it has {', '.join(files)}")
    if device is None and compute_units is not None:
        raise UserError("--compute-units: is for --device")
    if device is None:
        _here(opened, graph or list(files))
        return
    from gfnet_mobile.cli.inspect_device import inspect_on

    units = named_units(compute_units)
    if len(units) > 1:
        raise UserError(f"--compute-units {compute_units}: one of them at a time")
    inspect_on(device, opened, graph or list(files), units[0])


def _here(bundle: Bundle, graphs: list[str]) -> None:
    from gfnet_mobile.cli.output import show
    from gfnet_mobile.mlprogram.anatomy import anatomy

    files = bundle.target("coreml").graphs
    for name in graphs:
        found = anatomy(bundle.path(files[name].path), files[name].entry)
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
