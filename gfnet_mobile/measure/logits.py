"""Cached logits: a data set is run through a network once, later commands read what it said.

One safetensors file: ``logits`` float32 [N, T, K], ``labels`` int64 [N], and in its metadata ``model`` (hash of the
checkpoint), ``target`` (where it ran: ``eager`` or a bundle's target) and ``data`` (hash of the file names and labels).
While it is written it is called ``FILE.partial``, and a stopped run is taken up from there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing

UNREADABLE, MISSING = -1, -2
"""labels in a partial file: of a picture that cannot be read, of one that was not run yet"""


@dataclass(frozen=True)
class Logits:
    """What a network said on N labelled images."""

    logits: NDArray[np.float32]
    """[N, T, K]"""
    labels: NDArray[np.int64]
    """[N]"""
    metadata: Mapping[str, str]


def read_logits(path: Path) -> Logits:
    """Raises UserError for a file that is none."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: no cached logits (not a whole safetensors file)") from error
    logits, labels = tensors.get("logits"), tensors.get("labels")
    if logits is None or labels is None or "model" not in metadata:
        raise UserError(f"{path}: no cached logits; they hold 'logits', 'labels' and the model's hash")
    if logits.ndim != 3 or labels.shape != logits.shape[:1] or logits.dtype != np.float32 or len(labels) == 0:
        raise UserError(
            f"{path}: logits {list(logits.shape)}, labels {list(labels.shape)}; they must be [N, T, K] and [N]"
        )
    if not np.isfinite(logits).all():
        raise UserError(f"{path}: logits that are not finite")
    return Logits(logits, labels, metadata)


def halves(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the images that rules are found on, and of those that they are judged by: the same ones each time."""
    first, second = np.array_split(np.random.default_rng(0).permutation(count), 2)
    return first, second


class LogitsWriter:
    """The file while it is filled; begins it, or takes up a stopped one."""

    def __init__(
        self, path: Path, labels: NDArray[np.int64], steps: int, classes: int, metadata: Mapping[str, str]
    ) -> None:
        self._path, self._labels, self._metadata = path, labels, dict(metadata)
        self._partial = path.with_name(path.name + ".partial")
        if not self._partial.exists():
            empty: dict[str, NDArray[Any]] = {
                "labels": np.full(len(labels), MISSING, np.int64),
                "logits": np.zeros((len(labels), steps, classes), np.float32),
            }
            with replacing(self._partial) as temporary:
                save_file(empty, temporary, self._metadata)
        header, start = _header(self._partial)
        if header.get("__metadata__") != self._metadata:
            raise UserError(f"{self._partial}: of another model or data set; delete it, or name another file")
        self._done: NDArray[np.int64] = _mapped(self._partial, header["labels"], start, np.int64)
        self._logits: NDArray[np.float32] = _mapped(self._partial, header["logits"], start, np.float32)

    def missing(self) -> list[int]:
        """Images that are still to be run; what could not be read may have been mended."""
        return np.flatnonzero(self._done < 0).tolist()

    def write(self, index: int, logits: NDArray[np.float32] | None) -> None:
        """Logits [T, K] of an image; None where it cannot be read. The label goes last: it says done."""
        if logits is not None:
            self._logits[index] = logits
        self._done[index] = UNREADABLE if logits is None else self._labels[index]

    def unreadable(self) -> list[int]:
        return np.flatnonzero(self._done == UNREADABLE).tolist()

    def finish(self) -> Logits:
        """The file under its own name, without the images that could not be read."""
        if self.unreadable():
            kept = self._done != UNREADABLE
            with replacing(self._path) as temporary:
                save_file({"labels": self._done[kept], "logits": self._logits[kept]}, temporary, self._metadata)
            self._partial.unlink()
        else:
            self._partial.replace(self._path)
        return read_logits(self._path)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON header of a safetensors file, and where its tensors begin (the format's own page says how)."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            return json.loads(file.read(length)), 8 + length
        except ValueError as error:
            raise UserError(f"{path}: damaged; delete it to begin anew") from error


def _mapped(path: Path, entry: Mapping[str, Any], start: int, dtype: type) -> Any:
    """A tensor of the file, to be written in place."""
    return np.memmap(path, dtype, "r+", start + entry["data_offsets"][0], tuple(entry["shape"]))
