"""The two ways in which a command ends badly, each with its exit code; pydantic's errors as one line."""

from pydantic import ValidationError


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and how to mend it. Exit code 2."""


class CheckFailed(Exception):
    """A check that the user asked for did not hold (``verify``). Exit code 1."""


def first_problem(error: ValidationError) -> str:
    """One line for pydantic's list: the field and what is wrong with it."""
    problem = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        message = "unknown field"
    return " ".join(f"{field}: {message}".split() if field else message.split())
