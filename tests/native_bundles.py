"""Bundles for the native runner, exported once and kept until what makes them changes."""

import fcntl
import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import programs

from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.files import replacing_folder

ROOT = Path(__file__).parents[1]


def conformance() -> dict[str, Bundle]:
    """One bundle for each kind of program."""
    folder = _kept("conformance", _export_conformance)
    return {name: open_bundle(folder / f"{name}.gfnet") for name in programs.ALL}


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
    folder = ROOT / "build" / "bundles" / f"{name}-{key}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest-xdist's workers ask at the same time
        if not folder.exists():
            with replacing_folder(folder) as temporary:
                make(temporary)
    return folder
