"""Runtimes of this machine, by the target that they run. A new one is one file and one line here."""

from importlib import import_module
from importlib.util import find_spec

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes.protocol import Runtime

_MODULES = {  # target → module with `load`, package that it needs
    "onnx": ("gfnet_mobile.runtimes.onnx", "onnxruntime"),
    "executorch": ("gfnet_mobile.runtimes.executorch", "executorch"),
    "coreml": ("gfnet_mobile.runtimes.coreml", "coremltools"),
}

INTERPRETED = ("coreml",)
"""targets whose runtime here shows what they compute, not how fast; taken only where asked for, or alone"""

known = tuple(_MODULES)


def unavailable(target: str) -> str | None:
    """Why ``target`` cannot run on this machine; None if it can."""
    if target not in _MODULES:
        return f"no runtime for target {target!r} on this machine; it runs {', '.join(known)}"
    package = _MODULES[target][1]
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
    return [target for target in targets if target not in INTERPRETED] or targets


def first_runnable(bundle: Bundle) -> str:
    """The target to run where none is asked for."""
    return runnable(bundle)[0]


def open_runtime(bundle: Bundle, target: str, threads: int = 1) -> Runtime:
    """Check a target's files and load all its graphs. Raises UserError if it cannot run here."""
    if threads < 1:
        raise UserError(f"threads {threads}: must be at least 1")
    bundle.target(target)
    if reason := unavailable(target):
        raise UserError(reason)
    bundle.check_files(target)
    try:
        runtime: Runtime = import_module(_MODULES[target][0]).load(bundle, target, threads)
    except ImportError as error:
        reason = f"target {target!r} needs {_MODULES[target][1]}, which cannot be imported ({error})"
        raise UserError(f"{reason}: pip install 'gfnet-mobile[export]'") from error
    return runtime
