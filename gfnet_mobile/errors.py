"""The two ways in which a command ends badly, each with its exit code."""


class UserError(Exception):
    """Bad input: one line that says what is wrong, where, and how to mend it. Exit code 2."""


class CheckFailed(Exception):
    """A check that the user asked for did not hold (``verify``). Exit code 1."""
