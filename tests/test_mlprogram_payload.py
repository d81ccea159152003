"""The folder that ExecuTorch's Core ML delegate carries: as ExecuTorch reads and writes it, and nothing else."""

import json
from pathlib import Path

import pytest

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.payload import flatten, unflatten

FILES = {"model.mlpackage/Manifest.json": b"{}", "model.mlpackage/Data/weights/weight.bin": b"}{\x00\xff", "b": b"2"}


@pytest.fixture
def native():
    return pytest.importorskip("executorch.backends.apple.coreml.executorchcoreml")


def written(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_comes_back_as_it_was():
    assert unflatten(flatten(FILES)) == FILES
    assert unflatten(flatten({"empty": b""})) == {"empty": b""}


def test_the_order_of_the_files_does_not_matter():
    assert flatten(FILES) == flatten(dict(reversed(FILES.items())))


def test_executorch_reads_what_we_write_and_we_what_it_writes(native, tmp_path):
    assert native.unflatten_directory_contents(flatten(FILES), str(tmp_path))
    (folder,) = tmp_path.iterdir()
    assert written(folder) == FILES
    assert unflatten(native.flatten_directory_contents(str(folder))) == FILES


def described(*nodes: dict) -> bytes:
    return b"content" + json.dumps({"nodes": nodes}).encode()[::-1]


def file(offset: int = 0, size: int = 7) -> dict:
    return {"kind": 0, "name": "f", "dataRegion": {"offset": offset, "size": size}, "children": {}}


def folder(children: object) -> dict:
    return {"kind": 1, "name": "d", "dataRegion": {"offset": 0, "size": 0}, "children": children}


def test_a_written_example_is_read():
    assert unflatten(described(file(0, 3), file(3, 4), folder({"a": 0, "b": 1}))) == {"a": b"con", "b": b"tent"}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"nonsense",
        b"}{",
        b"[" * 100_000,
        described(),
        described(folder({"a": 0})),  # itself
        described(folder({"a": 1}), folder({"a": 0})),
        described(file(), folder({"a": 0, "b": 0})),
        described(*[file(0, 1000)] * 100, folder({str(number): number for number in range(100)})),  # more than there is
        described(file(5, 10**9), folder({"a": 0})),
        described(file(-1, 1), folder({"a": 0})),
        described(file(), folder({"a": 7})),
        described(file(), folder(["a"])),
        described(file(), folder({"..": 0})),
        described(file(), folder({"../a": 0})),
        described(file(), folder({"a\\b": 0})),
        described(file(), folder({"": 0})),
    ],
)
def test_anything_else_is_refused(payload):
    with pytest.raises(UserError, match="no folder that a Core ML delegate could carry"):
        unflatten(payload)
