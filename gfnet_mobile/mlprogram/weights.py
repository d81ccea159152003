"""Blob files (``weight.bin``): a header of 64 bytes, then for each tensor 64 bytes of metadata and its data.

Layout as in coremltools' ``MILBlob/Blob/StorageFormat.hpp``: the offset in the program points at the metadata, whose
fields are sentinel uint32, dtype uint32, size in bytes uint64, offset of the data uint64, all little endian.
"""

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError

SENTINEL = 0xDEADBEEF
DTYPES = {
    1: "float16", 2: "float32", 3: "uint8", 4: "int8", 6: "int16", 7: "uint16", 8: "int4", 9: "uint1", 10: "uint2",
    11: "uint4", 12: "uint3", 13: "uint6", 14: "int32", 15: "uint32",
}  # fmt: skip
"""the file's numbers for types"""
PACKED = {"int4": 4, "uint1": 1, "uint2": 2, "uint3": 3, "uint4": 4, "uint6": 6}
"""bits of the types that are narrower than a byte: one after the other, lowest bit first"""


def stored(dtype: str) -> np.dtype[Any]:
    """What a type's values are held in: one of a whole byte for packed ones."""
    return np.dtype({"i": "int8", "u": "uint8"}[dtype[0]] if dtype in PACKED else dtype)


def unpacked(data: bytes | NDArray[np.uint8], dtype: str, count: int) -> NDArray[Any]:
    """``count`` values out of bytes, none if the bytes are not as many."""
    values = np.frombuffer(data, np.uint8)
    if dtype not in PACKED:
        whole = len(values) == count * stored(dtype).itemsize
        return values.view(stored(dtype)) if whole and count else np.zeros(0, stored(dtype))
    bits = PACKED[dtype]
    if len(values) != -(-count * bits // 8):
        return np.zeros(0, stored(dtype))
    each = np.unpackbits(values, bitorder="little")[: count * bits].reshape(count, bits)
    numbers = (each << np.arange(bits, dtype=np.uint8)).sum(axis=1, dtype=np.uint8)
    if dtype[0] == "u":
        return numbers
    sign = 1 << (bits - 1)
    return ((numbers ^ sign).astype(np.int16) - sign).astype(np.int8)


class Weights:
    """A blob file, mapped into memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: weights cannot be read: {error}") from error

    def read(self, offset: int, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
        """The tensor whose metadata is at ``offset``, UserError unless it is of that type and size."""
        where = f"{self.path}: weight at {offset}"
        if offset < 0 or offset + 64 > len(self.data):
            raise UserError(f"{where}: beyond the end of the file")
        sentinel, kind, size, start = struct.unpack("<IIQQ", self.data[offset : offset + 24].tobytes())
        if sentinel != SENTINEL:
            raise UserError(f"{where}: no tensor begins there")
        if DTYPES.get(kind) != dtype:
            raise UserError(f"{where}: stored as type {kind}, the program says {dtype}")
        count = math.prod(shape)
        wanted = -(-count * PACKED[dtype] // 8) if dtype in PACKED else count * stored(dtype).itemsize
        if size != wanted or start + size > len(self.data):
            raise UserError(f"{where}: {size} bytes at {start} where {wanted} are wanted")
        return unpacked(self.data[start : start + size], dtype, count).reshape(shape)
