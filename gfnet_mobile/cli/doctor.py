"""``gfnet-mobile doctor``: what this machine lacks, and the command that mends it."""

EPILOG = "Example: gfnet-mobile doctor"


def doctor() -> None:
    """For each target and kind of device, say whether this machine can use it, and otherwise what to type."""
    from rich.table import Table

    from gfnet_mobile.cli.output import show
    from gfnet_mobile.doctor import examined

    table = Table("for", "lacks", "how to mend it", box=None)
    for one in examined():
        table.add_row(one.area, one.what or "nothing", one.mend)
    show(table)
