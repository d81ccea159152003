"""What goes into every app, whatever its language: the bundle without what only its tests need, and our own sources."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from gfnet_mobile import __version__
from gfnet_mobile.bundle.store import Bundle

Files = dict[str, str | Path]
"""place in the folder that is written → text, or file to be copied"""

MOST_LABELS = 2000
"""of a type: beyond some 3,000 a class of Java's has no room for them, and Swift's compiler takes minutes"""


def typed_labels(bundle: Bundle) -> Sequence[str]:
    """Those that become a type; none where the bundle has none, or too many. Apps have the class index then."""
    labels = bundle.manifest.labels or ()
    return labels if len(labels) <= MOST_LABELS else ()


def written_by(bundle: Bundle, option: str) -> str:
    """For the head of a generated file."""
    command = f"gfnet-mobile embed {bundle.manifest.name}.gfnet --{option} FOLDER"
    return f"Written by gfnet-mobile {__version__}; `{command}` writes it anew."


def bundle_files(bundle: Bundle, target: str, place: str) -> Files:
    """The bundle at ``place``: one target, and no golden vectors, which an app would carry for nothing. Raises
    UserError unless the files are those that were exported."""
    golden = bundle.manifest.golden.path
    return {f"{place}/{name}": file for name, file in bundle.files_for(target).items() if name != golden}


def source_files(folder: Path, inside: Iterable[str], place: str) -> Files:
    """Files and folders ``inside`` of ``folder``, at ``place``. Links are followed: what is copied stands alone."""
    files: Files = {}
    for name in inside:
        found = [folder / name] if (folder / name).is_file() else _below(folder / name)
        files |= {f"{place}/{file.relative_to(folder).as_posix()}": file for file in found}
    return files


def _below(folder: Path) -> list[Path]:
    return sorted(Path(at, name) for at, _, names in os.walk(folder, followlinks=True) for name in names)
