"""Blob files (``weight.bin``): a header of 64 bytes, then for each tensor 64 bytes of metadata and its data.

Layout as in coremltools' ``MILBlob/Blob/StorageFormat.hpp``: the offset in the program points at the metadata, whose
fields are sentinel uint32, dtype uint32, size in bytes uint64, offset of the data uint64, all little endian.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError

SENTINEL = 0xDEADBEEF
DTYPES = {1: np.float16, 2: np.float32, 3: np.uint8, 4: np.int8, 6: np.int16, 7: np.uint16, 14: np.int32, 15: np.uint32}
"""the file's numbers for whole-byte types"""


class Weights:
    """A blob file, mapped into memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data: NDArray[np.uint8] = np.memmap(path, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: weights cannot be read: {error}") from error

    def read(self, offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """The tensor whose metadata is at ``offset``, a view; UserError unless it is of that type and size."""
        where = f"{self.path}: weight at {offset}"
        if offset < 0 or offset + 64 > len(self.data):
            raise UserError(f"{where}: beyond the end of the file")
        sentinel, kind, size, start = struct.unpack("<IIQQ", self.data[offset : offset + 24].tobytes())
        if sentinel != SENTINEL:
            raise UserError(f"{where}: no tensor begins there")
        if DTYPES.get(kind) != dtype:
            raise UserError(f"{where}: stored as type {kind}, the program says {dtype}")
        wanted = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if size != wanted or start + size > len(self.data):
            raise UserError(f"{where}: {size} bytes at {start} where {wanted} are wanted")
        return self.data[start : start + size].view(dtype).reshape(shape)
