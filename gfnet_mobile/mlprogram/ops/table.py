"""The table of operators, filled by the files beside it."""

from collections.abc import Callable
from typing import Any, TypeVar

Implementation = Callable[..., Any]
Kind = TypeVar("Kind", bound=Implementation)

OPERATORS: dict[str, Implementation] = {}


def operator(implementation: Kind) -> Kind:
    """Enters a function under its name."""
    OPERATORS[implementation.__name__] = implementation
    return implementation
