"""Runtimes of this machine, by the target that they run. A new one is one file and one line here."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gfnet_mobile.bundle.manifest import GraphFile
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes.protocol import Runtime

if TYPE_CHECKING:
    from gfnet_mobile.mlprogram import Precision
    from gfnet_mobile.runtimes.coreml import Opened

_MODULES = {  # target → module with `load`, packages that it needs
    "onnx": ("gfnet_mobile.runtimes.onnx", ("onnxruntime",)),
    "executorch": ("gfnet_mobile.runtimes.executorch", ("executorch",)),
    "coreml": ("gfnet_mobile.runtimes.coreml", ("coremltools",)),
    "executorch-coreml": ("gfnet_mobile.runtimes.executorch_coreml", ("executorch", "coremltools")),
}

INTERPRETED = ("coreml", "executorch-coreml")
"""targets whose files are ML programs: their modules interpret them, and open them with `open_program`"""

_ON_A_MAC = {"coreml": "gfnet_mobile.runtimes.coreml_native", "executorch-coreml": "gfnet_mobile.runtimes.executorch"}
"""target → module with ``load`` that runs it on Core ML itself"""

known = tuple(_MODULES)


def runtimes_of(target: str) -> tuple[str, ...]:
    """Modules of the runtimes of ``target`` on this machine: the one to run, and on a Mac after Core ML its
    interpreter, to compare."""
    native = (_ON_A_MAC[target],) if sys.platform == "darwin" and target in _ON_A_MAC else ()
    return (*native, _MODULES[target][0])


def compute_units(bundle: Bundle, target: str) -> str:
    """Where the first of `runtimes_of` computes: on Core ML where the manifest suggests, ``mixed`` if graphs differ."""
    if len(runtimes_of(target)) == 1:
        return "cpu"
    words = {graph.compute_units for graph in bundle.target(target).graphs.values()}
    return words.pop() if len(words) == 1 else "mixed"


def is_interpreted(target: str) -> bool:
    """Does what runs here show what ``target`` computes, but not how fast?"""
    return target in INTERPRETED and len(runtimes_of(target)) == 1


def unavailable(target: str) -> str | None:
    """Why ``target`` cannot run on this machine; None if it can."""
    if target not in _MODULES:
        return f"no runtime for target {target!r} on this machine; it runs {', '.join(known)}"
    for package in _MODULES[target][1]:
        if find_spec(package) is None:
            return f"target {target!r} needs the package {package}: pip install 'gfnet-mobile[export]'"
    return None


def runnable(bundle: Bundle) -> list[str]:
    """The bundle's targets to run here, in the bundle's order: those that are not interpreted, if there are any. Raises
    UserError if there are none at all."""
    targets = [target for target in bundle.manifest.targets if unavailable(target) is None]
    if not targets:
        has = ", ".join(bundle.manifest.targets)
        raise UserError(f"{bundle.folder}: none of its targets ({has}) runs on this machine ({', '.join(known)})")
    return [target for target in targets if not is_interpreted(target)] or targets


def first_runnable(bundle: Bundle) -> str:
    """The target to run where none is asked for."""
    return runnable(bundle)[0]


def open_runtime(bundle: Bundle, target: str, threads: int = 1, module: str | None = None) -> Runtime:
    """Check a target's files and load all its graphs, with one of `runtimes_of` or else the first. Raises UserError if
    it cannot run here."""
    if threads < 1:
        raise UserError(f"threads {threads}: must be at least 1")
    bundle.target(target)
    if reason := unavailable(target):
        raise UserError(reason)
    bundle.check_files(target)
    try:
        runtime: Runtime = import_module(module or runtimes_of(target)[0]).load(bundle, target, threads)
    except ImportError as error:
        needs = " and ".join(_MODULES[target][1])
        reason = f"target {target!r} needs {needs}, which cannot be imported ({error})"
        raise UserError(f"{reason}: pip install 'gfnet-mobile[export]'") from error
    return runtime


def open_program(folder: Path, target: str, file: GraphFile, precision: "Precision") -> "Opened":
    """The ML program of a graph of a target in `INTERPRETED`. Raises UserError for whatever in it is not understood."""
    opened: Opened = import_module(_MODULES[target][0]).open_program(folder / file.path, file, precision)
    return opened
