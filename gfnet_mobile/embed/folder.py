"""A folder that is written again and again, beside whatever else its user puts there."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, ValidationError

from gfnet_mobile import __version__
from gfnet_mobile.bundle.manifest import RelativePath
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import explained, replacing_folder, sha256

LISTING = ".gfnet-mobile.json"


class Listing(BaseModel):
    """In the folder: which files were written there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    written_by: str = f"gfnet-mobile {__version__}"
    kind: str
    """what the files are together"""
    files: dict[RelativePath, str]
    """place → SHA-256"""


def write_folder(folder: Path, kind: str, files: Mapping[str, str | Path]) -> None:
    """Makes ``folder`` hold ``files``: place in it → text, or a file to be copied.

    A folder of an earlier call gets the new files and loses those that are no longer among them; what others put there
    stays. Raises UserError, and changes nothing, for a folder that no earlier call made, that is of another kind, or
    where somebody's own file or change would be lost.

    All is written aside first. A new folder is there at once; files in an older one are renamed one by one, the listing
    last, so that after an interruption the same call ends what was begun.
    """
    folder = folder.resolve()
    if not folder.exists():
        with replacing_folder(folder) as fresh:
            _fill(fresh, kind, files)
        return
    old = _listed(folder, kind)
    with explained(folder), TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as aside:
        hashes = _fill(Path(aside), kind, files)
        _check_nothing_is_lost(folder, old, hashes)
        if not old:  # an empty folder; what an interruption leaves in it must be known as ours
            os.replace(Path(aside, LISTING), folder / LISTING)
        for place in hashes:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(aside, place), folder / place)
        for place in old.keys() - hashes.keys():
            _remove(folder, place)
        if old:
            os.replace(Path(aside, LISTING), folder / LISTING)


def _listed(folder: Path, kind: str) -> dict[str, str]:
    """Place → SHA-256 of what an earlier call wrote; nothing in an empty folder."""
    if folder.is_dir() and not any(folder.iterdir()):
        return {}
    try:
        listing = Listing.model_validate_json((folder / LISTING).read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(
            f"{folder}: is there already, and was not written by gfnet-mobile; name a new folder"
        ) from error
    if listing.kind != kind:
        raise UserError(f"{folder}: holds a {listing.kind}, not a {kind}; name another folder")
    return dict(listing.files)


def _fill(folder: Path, kind: str, files: Mapping[str, str | Path]) -> dict[str, str]:
    """Gives place → SHA-256."""
    for place, content in files.items():
        file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_text(content, encoding="utf-8", newline="\n")
        else:
            shutil.copyfile(content, file)
    hashes = {place: sha256(folder / place) for place in files}
    (folder / LISTING).write_text(Listing(kind=kind, files=hashes).model_dump_json(indent=2) + "\n", encoding="utf-8")
    return hashes


def _check_nothing_is_lost(folder: Path, old: dict[str, str], new: dict[str, str]) -> None:
    for place in sorted(old.keys() | new.keys()):
        file = folder / place
        if not os.path.lexists(file):
            continue
        known = {old.get(place), new.get(place)}  # new: an interrupted call has come so far
        if not file.is_file() or sha256(file) not in known:
            raise UserError(f"{file}: was made or changed by hand, and would be lost; move it out of {folder} first")


def _remove(folder: Path, place: str) -> None:
    """And its folders, where nothing else is in them."""
    (folder / place).unlink(missing_ok=True)
    for parent in PurePosixPath(place).parents[:-1]:
        if (folder / parent).is_dir() and not any((folder / parent).iterdir()):
            (folder / parent).rmdir()
