"""Golden vectors: some images, and what the eager model made of them, call by call.

``golden.safetensors`` holds ``images`` uint8 [N, S, S, 3] and, for step t and each of its calls, one tensor per
output under ``"{t}.{graph}.{tensor}"``: the values of all images stacked, [N, ...], in the dtype of the register.
Inputs are not stored: they follow from the outputs of earlier calls, by the program.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from gfnet_mobile.bundle.manifest import Call, Manifest
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError

Array = NDArray[Any]


@dataclass(frozen=True)
class GoldenCall:
    """One call of one step on all golden images; every array is [N, ...]."""

    step: int
    call: Call
    inputs: dict[str, Array]
    """tensor of the graph → values"""
    outputs: dict[str, Array]


def key(step: int, graph: str, tensor: str) -> str:
    return f"{step}.{graph}.{tensor}"


def write_golden(path: Path, images: NDArray[np.uint8], tensors: dict[str, Array]) -> None:
    """Store images uint8 [N, S, S, 3] and the outputs of every call, named by `key`."""
    arrays = {"images": images, **tensors}
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def read_golden(bundle: Bundle) -> dict[str, Array]:
    """All arrays of a bundle's golden vectors, after a check of hash, names, shapes and dtypes."""
    bundle.check_golden()
    path, m = bundle.path(bundle.manifest.golden.path), bundle.manifest
    try:
        arrays = load_file(path)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not a safetensors file: {error}") from error
    size = m.preprocessing.size
    expected: dict[str, tuple[tuple[int, ...], str]] = {"images": ((size, size, 3), "uint8")}
    for t, step in enumerate(m.steps):
        for call in step.calls:
            for tensor, register in call.outputs.items():
                expected[key(t, call.graph, tensor)] = (m.registers[register].shape[1:], m.registers[register].dtype)
    for name, (shape, dtype) in expected.items():
        if name not in arrays:
            raise UserError(f"{path}: tensor {name!r} is missing")
        if arrays[name].shape != (m.golden.count, *shape) or arrays[name].dtype != dtype:
            raise UserError(f"{path}: tensor {name!r} must be {dtype} {[m.golden.count, *shape]}")
    return arrays


def golden_calls(manifest: Manifest, golden: dict[str, Array]) -> Iterator[GoldenCall]:
    """Walk the program over the golden values: each call with the inputs it had and the outputs it gave.

    A register holds what was written last, zeros before. One that lives as long as the stream begins an image with
    what the image before it left there.
    """
    last_write = {
        register: key(t, call.graph, tensor)
        for t, step in enumerate(manifest.steps)
        for call in step.calls
        for tensor, register in call.outputs.items()
    }
    values: dict[str, Array] = {}
    for name, register in manifest.registers.items():
        values[name] = np.zeros((manifest.golden.count, *register.shape[1:]), register.dtype)
        if register.lifetime == "stream" and name in last_write:
            values[name][1:] = golden[last_write[name]][:-1]
    values[manifest.image] = golden["images"].astype(np.float32).transpose(0, 3, 1, 2) / np.float32(255)
    for t, step in enumerate(manifest.steps):
        for call in step.calls:
            inputs = {tensor: values[register] for tensor, register in call.inputs.items()}
            outputs = {tensor: golden[key(t, call.graph, tensor)] for tensor in call.outputs}
            yield GoldenCall(t, call, inputs, outputs)
            values.update({register: outputs[tensor] for tensor, register in call.outputs.items()})
