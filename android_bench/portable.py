"""A folder that a phone's shell may run without an app or the NDK: the runner, its libraries, and their loader.

Experimental. What is in it was built for a Linux on ARM, not for Android; since it brings its own C library and loader
it asks nothing of the phone but the kernel. No phone has been tried.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from os import environ
from pathlib import Path

from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing_folder

START = """#!/bin/sh
# Starts {runner} with the libraries beside it, from whatever folder.
here=$(dirname "$0")
exec "$here/{loader}" --library-path "$here" "$here/{runner}" "$@"
"""


@dataclass(frozen=True)
class _Elf:
    """What the header of a program or library says."""

    machine: str
    loader: str | None
    """file name of the loader that the program asks for; none for a library"""
    needed: tuple[str, ...]
    """file names of the libraries that must be loaded with it"""


def assemble(runner: Path, library_folders: Sequence[Path], folder: Path) -> None:
    """Fills ``folder``: ``runner``, the libraries that it needs directly or through others, its loader, and ``start``.

    Each library is the first of its name and of the runner's machine in ``library_folders``. Raises UserError where one
    is in none of them, where ``runner`` is no program, or where the folder cannot be written.
    """
    program = _read(runner)
    if program.loader is None:
        raise UserError(f"{runner}: not a program that is loaded with shared libraries")
    found: dict[str, Path] = {}
    wanted = [(name, runner) for name in (program.loader, *program.needed)]
    while wanted:
        name, user = wanted.pop()
        if name not in found:
            found[name] = _find(name, user, program.machine, library_folders)
            wanted += [(needed, found[name]) for needed in _read(found[name]).needed]
    with replacing_folder(folder) as temporary:
        for name, path in {runner.name: runner, **found}.items():
            shutil.copyfile(path, temporary / name)
        (temporary / "start").write_text(START.format(runner=runner.name, loader=program.loader))
        for name in (runner.name, program.loader, "start"):
            (temporary / name).chmod(0o755)


def _find(name: str, user: Path, machine: str, folders: Sequence[Path]) -> Path:
    for path in (folder / name for folder in folders):
        if path.exists() and _read(path).machine == machine:
            return path
    where = ", ".join(map(str, folders))
    raise UserError(f"{name}, which {user.name} needs: no such library for {machine} in {where}; name its folder too")


def _read(path: Path) -> _Elf:
    command = ["readelf", "--wide", "--file-header", "--program-headers", "--dynamic", str(path)]
    try:
        text = subprocess.run(command, capture_output=True, text=True, env={**environ, "LC_ALL": "C"}).stdout
    except FileNotFoundError:
        raise UserError("readelf is missing, which finds the libraries: apt-get install binutils") from None
    machine = re.search(r"Machine: +(.+)", text)
    if machine is None:
        raise UserError(f"{path}: not a program or library")
    loader = re.search(r"Requesting program interpreter: .*/(.+)\]", text)
    needed = re.findall(r"\(NEEDED\) +Shared library: \[(.+)\]", text)
    return _Elf(machine[1], loader[1] if loader else None, tuple(needed))
