"""Files and folders are whole or not there; what was there before goes only when its successor stands."""

import os

import pytest

from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing, replacing_folder


def contents(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_file_appears_when_its_block_ends_well(tmp_path):
    with replacing(tmp_path / "deep" / "file") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "deep" / "file").exists()
    assert contents(tmp_path) == {"deep/file": "new"}


def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "file") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert contents(tmp_path) == {"file": "old"}


def test_a_folder_is_replaced_whole(tmp_path):
    for text in ("old", "new"):
        with replacing_folder(tmp_path / "bundle") as temporary:
            (temporary / text).write_text(text)
    assert contents(tmp_path) == {"bundle/new": "new"}


def test_a_folder_that_cannot_be_put_in_place_brings_the_old_one_back(tmp_path, monkeypatch):
    with replacing_folder(tmp_path / "bundle") as temporary:
        (temporary / "file").write_text("old")
    rename = os.replace

    def refused(source, target):
        if target == tmp_path / "bundle" and (source / "file").read_text() == "new":
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "replace", refused)
    with (
        pytest.raises(UserError, match="no space left on device"),
        replacing_folder(tmp_path / "bundle") as temporary,
    ):
        (temporary / "file").write_text("new")
    assert contents(tmp_path) == {"bundle/file": "old"}
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
