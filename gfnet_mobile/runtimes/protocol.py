"""What a runtime is to the rest: something that binds a graph to buffers and then runs it."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError

Buffers = dict[str, NDArray[Any]]
"""tensor of the graph → C-contiguous array in the graph's shape and dtype"""

Signature = dict[str, tuple[tuple[int, ...], str]]
"""tensor of the graph → shape and dtype"""


class Runtime(Protocol):
    """All graphs of one target, loaded. Made by ``load(bundle, target, threads)`` of the runtime's module."""

    name: str
    version: str

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        """Prepare one call: each time it is made it reads ``inputs`` and writes ``outputs``, in place."""

    def close(self) -> None:
        """Free what was loaded; calls that were bound must not be made any more."""


def in_file(buffers: Buffers, names: Mapping[str, str]) -> Buffers:
    """``buffers`` by what the file calls their tensors (`GraphFile.names`)."""
    return {names.get(tensor, tensor): array for tensor, array in buffers.items()}


def as_pixels(image: NDArray[Any]) -> NDArray[np.uint8]:
    """``image`` float32 [1, 3, S, S] from 0 to 1 → the pixels that it was made of, uint8 [S, S, 3]."""
    return np.rint(image[0] * np.float32(255)).astype(np.uint8).transpose(1, 2, 0)


def check_signature(graph: str, what: str, bound: Buffers, signature: Signature) -> None:
    """Raise UserError unless the buffers are those that the graph in the file takes (``what``: input or output)."""
    if set(bound) != set(signature):
        raise UserError(f"graph {graph!r}: the file's {what}s are {sorted(signature)}, the manifest's {sorted(bound)}")
    for tensor, array in bound.items():
        shape, dtype = signature[tensor]
        if array.shape != shape or array.dtype != dtype:
            found = f"{dtype} {list(shape)} in the file, {array.dtype} {list(array.shape)} in the manifest"
            raise UserError(f"graph {graph!r}: {what} {tensor!r} is {found}")
