"""Printing for people: tables and lines that are never cut, also where no terminal says how wide it is; and lists of
numbers as people type them."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from gfnet_mobile.errors import UserError


def show(*parts: Table | str) -> None:
    """Prints to stdout, each part as wide as it needs to be."""
    for part in parts:
        console = Console(markup=False, highlight=False)
        needed = Measurement.get(console, console.options.update(max_width=10_000), part).maximum
        console.width = max(console.width, needed)
        console.print(part)


def whole_numbers(option: str, text: str, example: str) -> list[int]:
    """``1,2,4`` → each once, in that order. Raises UserError for anything but positive whole numbers."""
    numbers = [int(part) if part.strip().isdecimal() else 0 for part in text.split(",")]
    if min(numbers) < 1:
        raise UserError(f"{option} {text}: one number or several, such as {example}")
    return list(dict.fromkeys(numbers))
