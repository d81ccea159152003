"""The authors' file, ``*.pth.tar``: a pickled dictionary, read with torch's restricted unpickler.

``model_prime_state_dict`` (glance encoder), ``model_state_dict`` (focus encoder), ``policy`` and ``fc`` (exit head)
hold tensors. A released file adds ``model_name``, ``patch_size``, ``flops`` (its length is T) and the exit thresholds
that were found, and prefixes the encoders' tensors with ``module.``; the training script's own files do neither.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gfnet_mobile.errors import UserError

COMPONENTS = ("model_prime_state_dict", "model_state_dict", "policy", "fc")
PREFIX = "module."
MAGIC = (b"PK", b"\x80")
"""how a file of ``torch.save`` begins: a zip archive, or before torch 1.6 a bare pickle"""

_SCALAR, _ARRAY = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
ALLOWED: list[Any] = [
    # figures that numpy pickled as scalars and arrays of its own, under its module's name before numpy 2 and since
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    (_ARRAY, "numpy.core.multiarray._reconstruct"),
    (_ARRAY, "numpy._core.multiarray._reconstruct"),
    np.ndarray,
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
    np.dtypes.Int64DType,
]
"""what old files hold besides tensors and plain Python values; each only makes numbers"""


@dataclass(frozen=True)
class PublishedFile:
    """What the file says, before anybody has asked what network that is."""

    path: Path
    tensors: dict[str, dict[str, Tensor]]
    """component → tensor's name without prefix → tensor"""
    model_name: str | None
    """None in the training script's own files, as the next two"""
    patch: int | None
    steps: int | None
    thresholds: Tensor | None
    """[budgets, T], ±1e8 for never and always"""
    accuracies: tuple[float, ...] | None
    """percent, one for each row of ``thresholds``, on the ImageNet validation set"""


def is_published(path: Path) -> bool:
    """Does the file look like one that ``torch.save`` wrote?"""
    with path.open("rb") as file:
        head = file.read(9)
    return head.startswith(MAGIC) and not head.endswith(b"{")  # a safetensors header may be \x80… bytes long


def read_published(path: Path) -> PublishedFile:
    """Raises UserError for a damaged file, one that wants to run code, and one of another kind."""
    content = _load(path)
    if not isinstance(content, Mapping) or not set(COMPONENTS) <= set(content):
        missing = [name for name in COMPONENTS if not isinstance(content, Mapping) or name not in content]
        raise UserError(f"{path}: no GFNet checkpoint, it has no {missing[0]!r}")
    if content["policy"] is None:
        raise UserError(f"{path}: has no policy yet; it comes with stage 2 of the training")
    flops = content.get("flops")
    return PublishedFile(
        path=path,
        tensors={name: _tensors(path, name, content[name]) for name in COMPONENTS},
        model_name=_plain(path, content, "model_name", str),
        patch=_plain(path, content, "patch_size", int),
        steps=None if flops is None else _length(path, flops),
        thresholds=_table(path, content, "dynamic_threshold"),
        accuracies=_accuracies(path, content.get("budgeted_batch_classification")),
    )


def _load(path: Path) -> Any:
    try:
        with torch.serialization.safe_globals(ALLOWED):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "GLOBAL" in str(error):
            asked = str(error).split("GLOBAL ", 1)[1].split()[0]
            raise UserError(f"{path}: refused, it wants to run code ({asked})") from error
        raise UserError(f"{path}: no checkpoint (not a whole file of torch.save)") from error
    except Exception as error:  # zip files, pickles and torch's own checks raise what they like
        raise UserError(f"{path}: no checkpoint (not a whole file of torch.save)") from error


def _tensors(path: Path, component: str, entries: Any) -> dict[str, Tensor]:
    if not isinstance(entries, Mapping) or not all(isinstance(value, Tensor) for value in entries.values()):
        raise UserError(f"{path}: {component!r} must map names to tensors")
    prefix = PREFIX if all(name.startswith(PREFIX) for name in entries) else ""
    return {name.removeprefix(prefix): value for name, value in entries.items()}


def _plain(path: Path, content: Mapping[str, Any], entry: str, kind: type) -> Any:
    value = content.get(entry)
    if value is not None and not isinstance(value, kind):
        raise UserError(f"{path}: {entry!r} is of type {type(value).__name__}, must be {kind.__name__}")
    return value


def _table(path: Path, content: Mapping[str, Any], entry: str) -> Tensor | None:
    value = content.get(entry)
    return torch.as_tensor(value) if isinstance(value, np.ndarray) else _plain(path, content, entry, Tensor)


def _accuracies(path: Path, curve: Any) -> tuple[float, ...] | None:
    if curve is None:
        return None
    try:
        _, accuracies = curve
        return tuple(float(value) for value in accuracies)
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: 'budgeted_batch_classification' must be [costs, accuracies]") from error


def _length(path: Path, flops: Any) -> int:
    """T, of which the file has no other record than the number of costs."""
    count = len(flops) if hasattr(flops, "__len__") else 0
    if not 2 <= count <= 8:
        raise UserError(f"{path}: 'flops' has {count} entries, one for each step; there must be 2 to 8")
    return count
