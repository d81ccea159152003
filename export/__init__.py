"""From a checkpoint to a bundle: graphs, program, golden vectors, and one module for each target."""

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from export.graphs import Graph
from export.packaging import Packaging
from gfnet_mobile.bundle.manifest import Compression, GraphFile
from gfnet_mobile.errors import UserError


class Target(Protocol):
    """What the module of a target offers."""

    TOOLS: tuple[str, ...]
    """packages whose versions the manifest records"""
    COMPRESSIONS: tuple[Compression, ...]
    """the forms in which it can store a graph"""

    def export(self, graph: Graph, bundle: Path, packaging: Packaging, compression: Compression) -> GraphFile:
        """Write ``graph`` into the folder ``bundle``."""
        ...


TARGETS = {
    "onnx": "export.onnx",
    "executorch": "export.executorch",
    "coreml": "export.coreml",
    "executorch-coreml": "export.executorch_coreml",
}
"""A new target is a module and its line here. Modules are imported when needed: each brings a large framework."""


def load_target(name: str) -> Target:
    """The module of a target. Raises UserError for an unknown one."""
    if name not in TARGETS:
        raise UserError(f"unknown target {name!r}; known are {', '.join(TARGETS)}")
    return cast(Target, import_module(TARGETS[name]))
