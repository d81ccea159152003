"""What a runtime is to the rest: something that binds a graph to buffers and then runs it.

The buffers are the host's. A runtime may keep copies of its own (on a device, say) and make calls late; so the host
says `wrote` where it changed one, and `read` before it looks at one.
"""

from collections.abc import Callable, Mapping
from functools import partial
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
        """Prepare one call: each time it is made it reads ``inputs`` and then writes ``outputs``, in place. A buffer
        may be both."""

    def crop(self, image: NDArray[Any], position: NDArray[Any], patch: NDArray[Any]) -> Callable[[], None]:
        """Prepare the built-in call: ``patch`` [1, C, h, w] out of ``image`` [1, C, H, W] at ``position``, int32 [1, 2]
        (row, column)."""

    def wrote(self, buffer: NDArray[Any]) -> None:
        """The host has changed ``buffer``: calls made from now on read what it holds now."""

    def read(self, *buffers: NDArray[Any]) -> None:
        """What was written is in its place and all calls are made when this returns; ``buffers`` hold what they left.
        Errors of calls may come only here."""

    def close(self) -> None:
        """Free what was loaded; calls that were bound must not be made any more."""


class HostMemory:
    """The half of a runtime that computes in the host's buffers themselves."""

    def crop(self, image: NDArray[Any], position: NDArray[Any], patch: NDArray[Any]) -> Callable[[], None]:
        return partial(_crop, image, position, patch)

    def wrote(self, buffer: NDArray[Any]) -> None:
        pass

    def read(self, *buffers: NDArray[Any]) -> None:
        pass


def in_file(buffers: Buffers, names: Mapping[str, str]) -> Buffers:
    """``buffers`` by what the file calls their tensors (`GraphFile.names`)."""
    return {names.get(tensor, tensor): array for tensor, array in buffers.items()}


def with_scratch(inputs: Buffers, outputs: Buffers) -> tuple[Buffers, list[Callable[[], None]]]:
    """``outputs`` with scratch in place of buffers that are inputs too, and the copies out of it, to make after the
    call: for runtimes that write outputs while they still read inputs, or give an input back as an output."""
    read = {id(array) for array in inputs.values()}
    scratch = {tensor: np.empty_like(array) for tensor, array in outputs.items() if id(array) in read}
    return outputs | scratch, [partial(np.copyto, outputs[tensor], array) for tensor, array in scratch.items()]


def in_turn(call: Callable[[], None], following: list[Callable[[], None]]) -> Callable[[], None]:
    """One call of several."""
    if not following:
        return call

    def calls() -> None:
        call()
        for one in following:
            one()

    return calls


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


def _crop(image: NDArray[Any], position: NDArray[Any], patch: NDArray[Any]) -> None:
    row, column = position[0].tolist()
    height, width = patch.shape[2:]
    if not (0 <= row <= image.shape[2] - height and 0 <= column <= image.shape[3] - width):
        raise UserError(f"position ({row}, {column}) puts the patch outside the image; the graphs are broken")
    np.copyto(patch, image[:, :, row : row + height, column : column + width])
