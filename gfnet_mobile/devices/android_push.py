"""Files onto a phone, those only that it does not have: by SHA-256, to a temporary name, then renamed."""

import posixpath
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from gfnet_mobile.devices.android_adb import explained, shell
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import sha256

if TYPE_CHECKING:
    from adbutils import AdbDevice

FOLDER = "/data/local/tmp/gfnet"
"""on the phone: ``runner/``, ``bundles/``, ``results/``; where the shell's user may write and run files"""
PART = ".part"
SPARE = 32 * 2**20
"""bytes to be left free: results, and what Android needs itself"""


def runner_files(folder: Path) -> dict[str, Path]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {f"runner/{file.relative_to(folder).as_posix()}": file for file in files}


def push(device: "AdbDevice", files: dict[str, Path]) -> list[str]:
    """Make ``files`` (place below `FOLDER` → file) be there. Gives those that were pushed; raises UserError if they do
    not fit."""
    wanted, there = {place: sha256(file) for place, file in files.items()}, _hashes(device)
    changed = [place for place, digest in wanted.items() if there.get(place) != digest]
    if not changed:
        return []
    needed, free = sum(files[place].stat().st_size for place in changed) + SPARE, _free(device)
    if free is not None and needed > free:
        sizes = f"{needed / 2**20:.0f} MiB are needed, {max(free, 0) / 2**20:.0f} are free"
        raise UserError(f"android:{device.serial}: too little space on it: {sizes}; delete something there")
    folders = sorted({posixpath.dirname(f"{FOLDER}/{place}") for place in changed})
    shell(device, f"mkdir -p {shlex.join(folders)}")
    for place in changed:
        mode = 0o755 if place.startswith("runner/") else 0o644
        path = f"{FOLDER}/{place}"
        with explained(f"android:{device.serial}"):
            device.sync.push(files[place], path + PART, mode, check=True)
        shell(device, f"mv -f {shlex.quote(path + PART)} {shlex.quote(path)}")
    there = _hashes(device)
    left = [place for place in changed if there.get(place) != wanted[place]]
    if left:
        raise UserError(f"android:{device.serial}: {left[0]} did not arrive whole; try again, with another cable")
    return changed


def _hashes(device: "AdbDevice") -> dict[str, str]:
    """Place below `FOLDER` → SHA-256, of all files there; what was left in the middle of a push is removed."""
    listing = f"find . -name '*{PART}' -exec rm -f {{}} + ; find . -type f -exec sha256sum {{}} +"
    printed = shell(device, f"cd {FOLDER} 2>/dev/null && {{ {listing}; }}; true")
    return {place: digest for digest, place in re.findall(r"^([0-9a-f]{64}) [ *]\./(.+?)\r?$", printed, re.MULTILINE)}


def _free(device: "AdbDevice") -> int | None:
    """Bytes; None if ``df`` does not say."""
    return free_in(shell(device, f"df -k {posixpath.dirname(FOLDER)}"))


def free_in(printed: str) -> int | None:
    """From what ``df -k`` prints: size, used and available in KiB; a long file system's name has a line of its own."""
    found = re.search(r"\s(\d+)\s+(\d+)\s+(\d+)\s+\d+%\s", printed + "\n")
    return int(found[3]) * 1024 if found else None
