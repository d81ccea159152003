"""Folders that are made once and kept, for all tests and all of pytest-xdist's workers."""

import fcntl
from collections.abc import Callable
from pathlib import Path

from gfnet_mobile.files import replacing_folder

KEPT = Path(__file__).parents[2] / "build" / "lab"
"""`make clean` removes it"""


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name``, filled by ``make`` if it is not there; ``name`` must change with what ``make`` does."""
    folder = KEPT / name
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with replacing_folder(folder) as temporary:
                make(temporary)
    return folder
