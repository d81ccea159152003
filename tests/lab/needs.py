"""What a test needs of the machine: on a laptop its absence skips the test, in CI it is a failure."""

import os
import shutil

import pytest


def need(what: str | bool, how_to_mend: str) -> None:
    """Goes on if the program ``what`` is on the PATH, or the condition ``what`` is true.

    Otherwise the test is skipped, or fails where ``CI`` is set: there nothing may be left out unnoticed.
    """
    if isinstance(what, bool):
        there, message = what, how_to_mend
    else:
        there, message = shutil.which(what) is not None, f"{what} is missing: {how_to_mend}"
    if there:
        return
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
