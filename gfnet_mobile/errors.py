"""The two ways in which a command ends badly, each with its exit code; pydantic's errors as one line."""

from pydantic import ValidationError

LONGEST = 600
"""characters of a line"""


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and how to mend it. Exit code 2."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class CheckFailed(Exception):
    """A check that the user asked for did not hold (``verify``). Exit code 1."""


def one_line(text: str) -> str:
    """A damaged file's own names may hold line breaks, codes that a terminal obeys, or megabytes."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def first_problem(error: ValidationError) -> str:
    """One line for pydantic's list: the field and what is wrong with it."""
    problem = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown field"
    return one_line(f"{field}: {message}" if field else message)
