"""One's own images in class folders: ``FOLDER/CLASS/picture``."""

from dataclasses import dataclass
from pathlib import Path

from gfnet_mobile.errors import UserError

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
"""of what is taken from a folder; a file that is named is tried whatever its suffix"""


@dataclass(frozen=True)
class LabelledFiles:
    """Pictures and their labels; ``labels[i]`` is an index into ``classes``."""

    classes: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[int, ...]


def class_names(folder: Path) -> tuple[str, ...]:
    """Names of the class folders, sorted: the order of the labels. Raises UserError if there are fewer than two."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; class folders belong there, one per class")
    names = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    if len(names) < 2:
        raise UserError(f"{folder}: {len(names)} class folders; at least two are needed")
    return names


def labelled_files(folder: Path) -> LabelledFiles:
    """Every picture below the class folders, in sorted order. Raises UserError if there is none."""
    classes = class_names(folder)
    found = [
        (file, label)
        for label, name in enumerate(classes)
        for file in sorted((folder / name).rglob("*"))
        if file.suffix.lower() in SUFFIXES
    ]
    if not found:
        raise UserError(f"{folder}: no pictures below the class folders ({', '.join(SUFFIXES)})")
    return LabelledFiles(classes, tuple(file for file, _ in found), tuple(label for _, label in found))
