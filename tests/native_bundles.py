"""Bundles for the native runner, exported once and kept until what makes them changes."""

import functools
import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import programs
from lab.kept import kept

from gfnet_mobile.bundle.store import Bundle, open_bundle

ROOT = Path(__file__).parents[1]


def conformance() -> dict[str, Bundle]:
    """One bundle for each kind of program."""
    folder = _kept("conformance", _export_conformance)
    return {name: open_bundle(folder / f"{name}.gfnet") for name in programs.ALL}


def copy_conformance(folder: Path) -> Path:
    """Into ``folder``, as NAME.gfnet, to be served or changed."""
    for name, bundle in conformance().items():
        shutil.copytree(bundle.folder, folder / f"{name}.gfnet")
    return folder


def demo() -> Bundle:
    """The shipped network, in float32."""
    return open_bundle(_kept("demo", _export_demo) / "demo.gfnet")


def demo_int8() -> Bundle:
    options = "--compress", "int8", "--calibration-scenes", "20"
    return open_bundle(_kept("demo-int8", functools.partial(_export_demo, options=options)) / "demo.gfnet")


def _export_conformance(folder: Path) -> None:
    from programs_executorch import make_bundle

    for name, program in programs.ALL.items():
        make_bundle(folder / f"{name}.gfnet", program())


def _export_demo(folder: Path, options: Sequence[str] = ()) -> None:
    from gfnet_mobile.cli.app import main

    assert main(["export", "demo", "--target", "executorch", *options, "--output", str(folder)]) == 0


def _kept(name: str, make: Callable[[Path], None]) -> Path:
    sources = [*sorted((ROOT / "export").glob("*.py")), *sorted((ROOT / "tests").glob("programs*.py"))]
    sources += [*sorted((ROOT / "gfnet_mobile" / "models").glob("*.py")), ROOT / "constraints.txt"]
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    return kept(f"{name}-{key}", make)
