"""``gfnet-mobile devices``: what is plugged in."""

from typing import Annotated

import typer

from gfnet_mobile.devices import clean, discover
from gfnet_mobile.errors import CheckFailed

EPILOG = "Example: gfnet-mobile devices --clean android:R58M123ABC"


def devices(
    remove: Annotated[
        str | None, typer.Option("--clean", metavar="DEVICE", help="Remove all that was ever put on this one.")
    ] = None,
) -> None:
    """List the devices that are plugged in, and what keeps one from being used."""
    from rich.table import Table

    from gfnet_mobile.cli.output import show

    if remove is not None:
        show(f"{clean(remove)}: nothing of gfnet-mobile is left on it")
        return
    found = discover()
    if not found:
        raise CheckFailed("no device is plugged in; gfnet-mobile doctor says what this machine lacks")
    table = Table("--device", "model", "", box=None)
    for one in found:
        table.add_row(one.name, one.model, one.problem or "ready")
    show(table)
