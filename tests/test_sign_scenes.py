"""The demo task: deterministic, disjoint between splits, frozen."""

import hashlib
from importlib import import_module

import numpy as np
import pytest

from gfnet_mobile.data import sign_scenes
from gfnet_mobile.data.scenes import _COLUMNS, _DIGITS

module = import_module("gfnet_mobile.data.scenes")

FROZEN = {
    "train": "142ff55feaabcb0ba81fffb0c62d8672552add6ef310ca021a3d2e3d4f86c770",
    "validation": "ee7f1a089024ee7f193b5d62c8f40bb78a8804e256cf79d0a2825a522b2b8de0",
    "test": "37c898fe0f32014dbdf851c9ae41470c1c1f980ed013fffa95e3ace5e4594337",
}
FROZEN_LARGE = "10452d03dd97f88b24d45b1742fc459fe1c74c6c0c8d41d01ae82c82bddf0173"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_task_is_frozen(split):
    images, labels = sign_scenes(32, seed=0, split=split)
    digest = hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    assert digest == FROZEN[split]


def test_so_is_the_large_one():
    images, labels = sign_scenes(8, seed=0, split="test", size=448)
    digest = hashlib.sha256(images.tobytes() + labels.astype("<i8").tobytes()).hexdigest()
    assert digest == FROZEN_LARGE


def test_images_and_labels_have_the_promised_form():
    images, labels = sign_scenes(5, seed=1, split="validation")
    assert images.shape == (5, 224, 224, 3)
    assert images.dtype == np.uint8
    assert labels.shape == (5,)
    assert labels.dtype == np.int64
    assert set(labels) <= set(range(10))


def test_a_scene_does_not_depend_on_how_many_are_drawn():
    few, few_labels = sign_scenes(3, seed=5, split="test")
    many, many_labels = sign_scenes(6, seed=5, split="test")
    assert np.array_equal(few, many[:3])
    assert np.array_equal(few_labels, many_labels[:3])


def test_seeds_and_splits_draw_other_scenes():
    reference, _ = sign_scenes(1, seed=0, split="train")
    assert not np.array_equal(reference, sign_scenes(1, seed=1, split="train")[0])
    assert not np.array_equal(reference, sign_scenes(1, seed=0, split="test")[0])


def test_splits_share_neither_digits_nor_columns_of_the_photographs():
    digits = [set(range(part.start, part.stop)) for part in _DIGITS.values()]
    columns = [set(range(*part)) for part in _COLUMNS.values()]
    for parts, whole in ((digits, 1797), (columns, 640)):
        assert len(set.union(*parts)) == sum(map(len, parts)) == whole


def test_every_class_occurs_about_equally_often():
    _, labels = sign_scenes(400, seed=2, split="train")
    assert np.bincount(labels, minlength=10).min() >= 20


def test_a_larger_scene_is_a_wider_field_with_signs_of_the_same_size(monkeypatch):
    sides = []

    def seen(*arguments, plate=module._plate, **options):
        sides.append(arguments[5])
        return plate(*arguments, **options)

    monkeypatch.setattr(module, "_plate", seen)
    images, _ = sign_scenes(20, seed=0, split="test", size=448)
    assert images.shape == (20, 448, 448, 3)
    assert all(48 <= side < 60 or 132 <= side < 164 for side in sides)
