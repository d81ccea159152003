"""Folders that are made once and kept, for all tests and all of pytest-xdist's workers."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gfnet_mobile.files import replacing_folder

KEPT = Path(__file__).parents[2] / "build" / "lab"
"""`make clean` removes it"""


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """One process at a time is in the block: pytest-xdist's workers ask for the same at the same moment."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name``, filled by ``make`` if it is not there; ``name`` must change with what ``make`` does."""
    folder = KEPT / name
    with alone(KEPT / f"{name}.lock"):
        if not folder.is_dir():
            with replacing_folder(folder) as temporary:
                make(temporary)
    return folder
