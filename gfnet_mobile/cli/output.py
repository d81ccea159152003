"""Printing for people: tables and lines that are never cut, also where no terminal says how wide it is."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


def show(*parts: Table | str) -> None:
    """Prints to stdout, each part as wide as it needs to be."""
    for part in parts:
        console = Console(markup=False, highlight=False)
        needed = Measurement.get(console, console.options.update(max_width=10_000), part).maximum
        console.width = max(console.width, needed)
        console.print(part)
