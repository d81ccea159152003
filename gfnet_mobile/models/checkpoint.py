"""Checkpoints: one safetensors file, its weights as tensors, everything else as JSON in the header. The files of
GFNet's authors are read as well (`gfnet_mobile.published`).

Header entries: ``format`` ("gfnet-mobile checkpoint"), ``version``, ``config`` (ModelConfig) and, where training has
got that far, ``rules`` (exit rules found on the validation split).
"""

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import save
from torch import Tensor

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.errors import UserError, first_problem
from gfnet_mobile.files import replacing, sha256
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.weights import read_safetensors
from gfnet_mobile.published.convert import load_published
from gfnet_mobile.published.file import is_published

ENTRY = "gfnet-mobile checkpoint"
VERSION: Literal[1] = 1


class Header(BaseModel):
    """What a checkpoint holds besides tensors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = VERSION
    config: ModelConfig
    rules: dict[str, ExitRule] = {}


@dataclass(frozen=True)
class Checkpoint:
    """A network as read from disk, or made here from other weights."""

    model: GlanceFocusNet
    """in evaluation mode"""
    rules: dict[str, ExitRule]
    sha256: str
    """of the file; for another's weights, of the file that they would be saved as"""


def checkpoint_path(path: str | Path) -> Path:
    """The file itself; the word ``demo`` names the one that the package ships."""
    if str(path) == "demo":
        return Path(str(files("gfnet_mobile") / "demo" / "demo.safetensors"))
    return Path(path)


def save_checkpoint(model: GlanceFocusNet, path: Path, rules: dict[str, ExitRule] | None = None) -> None:
    """Writes ``model`` to ``path``; the same network and rules give the same bytes."""
    with replacing(path) as temporary:
        temporary.write_bytes(_serialised(model, rules or {}))


def _serialised(model: GlanceFocusNet, rules: dict[str, ExitRule]) -> bytes:
    header = Header(config=model.config, rules=rules)
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    return save(tensors, {ENTRY: header.model_dump_json()})


def checkpoint_of(model: GlanceFocusNet, rules: dict[str, ExitRule]) -> Checkpoint:
    """A network that no file of ours holds, as if one did."""
    return Checkpoint(model, rules, hashlib.sha256(_serialised(model, rules)).hexdigest())


def load_checkpoint(path: str | Path) -> GlanceFocusNet:
    """The network of a checkpoint, in evaluation mode. Raises UserError for whatever is wrong with the file."""
    return read_checkpoint(path).model


def read_checkpoint(path: str | Path) -> Checkpoint:
    file = checkpoint_path(path)
    if file.is_file() and is_published(file):
        found = load_published(file)
        return checkpoint_of(found.model, found.rules)
    entries, tensors = read_safetensors(file)
    if ENTRY not in entries:
        raise UserError(f"{file}: no gfnet-mobile checkpoint; train one with 'gfnet-mobile train'")
    header = _parse(entries[ENTRY], file)
    model = GlanceFocusNet(header.config)
    fill(model, tensors, file)
    return Checkpoint(model.eval(), header.rules, sha256(file))


def _parse(text: str, file: Path) -> Header:
    try:
        return Header.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("version",) and isinstance(first["input"], int) and first["input"] > VERSION:
            raise UserError(f"{file}: made by a newer gfnet-mobile (version {first['input']}): update it") from error
        raise UserError(f"{file}: header {first_problem(error)}") from error


def fill(model: GlanceFocusNet, tensors: dict[str, Tensor], file: Path) -> None:
    """Copies ``tensors`` into ``model``; a missing, left-over or misshapen one is an error that names it."""
    wanted = model.state_dict()
    for name, tensor in wanted.items():
        if name not in tensors:
            raise UserError(f"{file}: tensor {name!r} is missing")
        if tensors[name].shape != tensor.shape:
            raise UserError(f"{file}: tensor {name!r} is {list(tensors[name].shape)}, must be {list(tensor.shape)}")
    for name in tensors:
        if name not in wanted:
            raise UserError(f"{file}: tensor {name!r} belongs to no part of this network")
    model.load_state_dict(tensors)
