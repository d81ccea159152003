"""A ``.mlpackage`` folder: ``Manifest.json`` names the model's protobuf, and the weights lie beside that."""

import errno
import json
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():  # off a Mac coremltools complains of all that it cannot load; its protobuf classes are all that is used
    from coremltools.proto import Model_pb2

LARGEST_FILE = 2**31 - 1
"""bytes of a protobuf"""


@dataclass(frozen=True)
class Package:
    model: Model_pb2.Model
    folder: Path
    """what ``@model_path`` in the program stands for"""


def open_package(path: Path) -> Package:
    """Raises UserError for a folder that is no package and for a model that is no ML program."""
    manifest = path / "Manifest.json"
    try:
        content = json.loads(_bytes(manifest, path))
        file = path / "Data" / content["itemInfoEntries"][content["rootModelIdentifier"]]["path"]
        data = _bytes(file, path)
    except OSError as error:
        raise UserError(f"{path}: no Core ML package: {error.filename}: {(error.strerror or '').lower()}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{manifest}: names no model; export the package again") from error
    model = Model_pb2.Model()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise UserError(f"{file}: no Core ML model (the protobuf is damaged)") from error
    kind = model.WhichOneof("Type")
    if kind != "mlProgram":
        raise UserError(f"{file}: a model of type {kind}; only ML programs (iOS 15 and later) are read")
    return Package(model, file.parent)


def inside(file: Path, folder: Path) -> None:
    """Raises UserError for a file that lies outside of a package, its links followed, OSError for what is no file."""
    if not file.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: {file.name!r} lies outside of the package")
    if file.exists() and not file.is_file():
        raise OSError(errno.EINVAL, "no file", str(file))


def _bytes(file: Path, folder: Path) -> bytes:
    inside(file, folder)
    if file.stat().st_size > LARGEST_FILE:
        raise OSError(errno.EFBIG, "larger than a protobuf may be", str(file))
    return file.read_bytes()
