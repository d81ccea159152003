"""Tensors from a file: safetensors, or a pickle of plain tensors, which is read without running code."""

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gfnet_mobile.errors import UserError


def read_weights(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header entries (a pickle has none) and tensors. Raises UserError for a file of another kind."""
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: no weights (neither safetensors nor a pickle of plain tensors)") from error
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {}, {name.removeprefix("module."): value for name, value in content.items() if isinstance(value, Tensor)}


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header entries and tensors of a safetensors file."""
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: empty file")
    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {}), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: no checkpoint (not a whole safetensors file)") from error
