"""Checkpoints: the same network back, the same bytes each time, and a clear line for whatever is wrong with a file."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from networks import small_network
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gfnet_mobile import load_checkpoint
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.exit_rules import uniform_rule
from gfnet_mobile.models.checkpoint import ENTRY, read_checkpoint, save_checkpoint


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "small.safetensors"
    save_checkpoint(small_network(), path, {"default": uniform_rule(0.8, 3)})
    return path


def _rewrite(path: Path, entry=None, **changes):
    """The file again with some tensors replaced (None: left out), and another header entry."""
    with safe_open(path, "pt") as file:
        old = file.metadata()
    tensors = load_file(path)
    for name, value in changes.items():
        tensors.pop(name, None)
        if value is not None:
            tensors[name] = value
    save_file(tensors, path, old if entry is None else entry)


def test_a_network_comes_back_as_it_was(saved):
    network, x = small_network(), torch.randn(2, 3, 96, 96)
    loaded = load_checkpoint(saved)
    assert not loaded.training
    for step, expected in zip(loaded.steps(x), network.steps(x), strict=True):
        assert torch.equal(step.logits, expected.logits)
        assert step.position is None or torch.equal(step.position, expected.position)


def test_exit_rules_travel_with_the_weights(saved):
    assert read_checkpoint(saved).rules == {"default": uniform_rule(0.8, 3)}


def test_the_same_weights_give_the_same_bytes(saved, tmp_path):
    again = tmp_path / "again.safetensors"
    save_checkpoint(load_checkpoint(saved), again, {"default": uniform_rule(0.8, 3)})
    assert again.read_bytes() == saved.read_bytes()


def test_a_missing_tensor_is_named(saved):
    _rewrite(saved, **{"head.classifiers.1.bias": None})
    with pytest.raises(UserError, match=r"'head\.classifiers\.1\.bias' is missing"):
        load_checkpoint(saved)


def test_a_misshapen_tensor_is_named_with_both_shapes(saved):
    _rewrite(saved, **{"head.classifiers.1.bias": torch.zeros(7)})
    with pytest.raises(UserError, match=r"'head\.classifiers\.1\.bias' is \[7\], must be \[5\]"):
        load_checkpoint(saved)


def test_a_left_over_tensor_is_named(saved):
    _rewrite(saved, **{"head.classifiers.9.bias": torch.zeros(5)})
    with pytest.raises(UserError, match=r"'head\.classifiers\.9\.bias' belongs to no part"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"version": 2}, "newer gfnet-mobile"),
        ({"config": None}, "header config"),
        ({"config": {"name": "x"}}, r"config\.classes"),
        ({"rules": {"default": {"measure": "guess"}}}, "measure"),
        ({"more": 1}, "more"),
    ],
)
def test_a_header_that_is_wrong_says_where(saved, change, complaint):
    with safe_open(saved, "pt") as file:
        header = json.loads(file.metadata()[ENTRY])
    _rewrite(saved, {ENTRY: json.dumps({**header, **change})})
    with pytest.raises(UserError, match=complaint):
        load_checkpoint(saved)


def test_a_safetensors_file_of_something_else_is_no_checkpoint(saved):
    _rewrite(saved, {"format": "pt"})
    with pytest.raises(UserError, match="no gfnet-mobile checkpoint"):
        load_checkpoint(saved)


def test_files_that_are_no_checkpoint_are_refused_in_one_line(tmp_path):
    class Code:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    contents = {"empty": b"", "text": b"hello, this is no checkpoint", "pickle": pickle.dumps(Code()), "short": b"\x08"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UserError) as raised:
            load_checkpoint(tmp_path / name)
        assert name in str(raised.value)
        assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match="no such file"):
        load_checkpoint(tmp_path / "nowhere")
    assert not (tmp_path / "ran").exists()


def test_a_truncated_checkpoint_is_refused(saved):
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(UserError, match="no checkpoint"):
        load_checkpoint(saved)
