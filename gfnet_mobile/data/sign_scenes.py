"""Signs in scenes: the demo task. Read the one real digit in the picture; the answer is its class, 0 to 9.

A scene is a piece of one of scikit-learn's two photographs. In it stands one sign, a plate (disc, square or diamond) with a
handwritten digit of ``sklearn.datasets.load_digits``, besides up to two decoys, plates of the same kind whose digit has its
2 × 2 pixel blocks shuffled, and some plain shapes. A plate is seen from afar, its digit is not: some signs are large enough to be
read at a glance, most need one look from close by, some more. That favours coarse-to-fine models by construction.

The task is frozen: ``tests/test_sign_scenes.py`` pins the bytes. Pixels are computed in integers alone, so that they do not
depend on a machine's floating point.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

Split = Literal["train", "validation", "test"]

_DIGITS = {"train": slice(0, 1097), "validation": slice(1097, 1347), "test": slice(1347, 1797)}
_COLUMNS = {"train": (0, 320), "validation": (320, 448), "test": (448, 640)}
"""each split has digits of its own and columns of the photographs of its own (640 pixels wide)"""
_SPLITS = ("train", "validation", "test")

_PLATE = (32, 108)  # smallest and largest plate at 224 pixels, log-uniform between
_DIGIT = (38, 55)  # side of the digit in percent of the plate
_BASE = 224  # the size that pixel numbers refer to; other sizes scale them


@dataclass(frozen=True)
class _Material:
    """What the scenes of a split are made of."""

    digits: np.ndarray
    """uint8 [D, 8, 8], 0 to 16"""
    labels: np.ndarray
    """int64 [D]"""
    photos: tuple[np.ndarray, ...]
    """uint8 [H, W, 3], enlarged so that a scene fits in"""
    noise: np.ndarray
    """int16 [H, W], about normal with standard deviation 64"""


@cache
def _material(split: Split, size: int) -> _Material:
    digits = load_digits()
    order = np.random.default_rng(2023).permutation(len(digits.target))[_DIGITS[split]]
    left, right = _COLUMNS[split]
    photos = []
    for name in ("china.jpg", "flower.jpg"):
        photo = Image.fromarray(load_sample_image(name)[:, left:right])
        for factor in (2, 3, 5):
            scale = factor * size / _BASE
            enlarged = photo.resize((int(photo.width * scale), int(photo.height * scale)), Image.Resampling.BICUBIC)
            if min(enlarged.size) >= size:
                photos.append(np.asarray(enlarged))
    bytes_ = np.random.default_rng(7).integers(0, 256, (8, 2 * size, 2 * size), dtype=np.int16)
    noise = (bytes_.sum(0, dtype=np.int16) - 1020) // 3
    return _Material(digits.images[order].astype(np.uint8), digits.target[order], tuple(photos), noise)


def sign_scenes(count: int, *, seed: int, split: Split, size: int = _BASE) -> tuple[np.ndarray, np.ndarray]:
    """``count`` scenes as uint8 RGB images [count, S, S, 3] and int64 labels [count].

    Scene i of a seed and split is the same whatever ``count`` is. Splits share no digit and no piece of the photographs.
    """
    material = _material(split, size)
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    for index in range(count):
        rng = np.random.default_rng((seed, _SPLITS.index(split), index))
        labels[index] = _scene(rng, material, images[index])
    return images, labels


def digit_canvases(count: int, *, seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Training digits on plates that fill much of a small picture, uint8 [count, size, size, 3] and int64 [count].

    Encoders learn to read here before they learn where to look.
    """
    material = _material("train", _BASE)
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    for index in range(count):
        rng = np.random.default_rng((seed, len(_SPLITS), index))
        canvas = images[index]
        _background(rng, material, canvas)
        plate = int(rng.integers(2 * size // 5, size + 1))
        row, column = (int(v) for v in rng.integers(0, size - plate + 1, 2))
        labels[index] = _plate(rng, material, canvas, row, column, plate, genuine=True)
    return images, labels


def _scene(rng: np.random.Generator, material: _Material, canvas: np.ndarray) -> int:
    """Draws one scene into ``canvas``, uint8 [S, S, 3]; gives its label."""
    size = len(canvas)
    _background(rng, material, canvas)
    for _ in range(rng.integers(1, 5)):
        side = int(rng.integers(size // 14, size // 3))
        row, column = (int(v) for v in rng.integers(0, size - side, 2))
        _paint(canvas, row, column, _outline(rng, side), rng.integers(0, 256, 3))
    places: list[tuple[int, int, int]] = []
    for _ in range(1 + rng.integers(0, 3)):
        place = _free_place(rng, size, places)
        if place is not None:
            places.append(place)
    label = 0
    for number, (row, column, side) in enumerate(places):
        drawn = _plate(rng, material, canvas, row, column, side, genuine=number == 0)
        label = drawn if number == 0 else label
    return label


def _free_place(rng: np.random.Generator, size: int, taken: list[tuple[int, int, int]]) -> tuple[int, int, int] | None:
    """Row, column and side of a plate that touches no other; none if there is no room. The first one always fits."""
    low, high = _PLATE
    for _ in range(8):
        side = int(low * (high / low) ** rng.random()) * size // _BASE
        row, column = (int(v) for v in rng.integers(0, size - side + 1, 2))
        if all(row + side <= r or r + s <= row or column + side <= c or c + s <= column for r, c, s in taken):
            return row, column, side
    return None


def _background(rng: np.random.Generator, material: _Material, canvas: np.ndarray) -> None:
    """A piece of a photograph, flipped, its colours permuted and bent; noise on half of them."""
    size = len(canvas)
    photo = material.photos[rng.integers(len(material.photos))]
    row = rng.integers(photo.shape[0] - size + 1)
    column = rng.integers(photo.shape[1] - size + 1)
    piece = photo[row : row + size, column : column + size]
    piece = piece[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
    levels = np.arange(256, dtype=np.int32)
    channels = rng.permutation(3)
    for target, source in enumerate(channels):
        bend, gain = int(rng.integers(-160, 161)), int(rng.integers(150, 257))
        curve = (levels + bend * levels * (255 - levels) // (255 * 255)) * gain // 256
        curve = (curve + (256 - gain) * int(rng.integers(0, 256)) // 256).clip(0, 255).astype(np.uint8)
        np.take(curve, piece[:, :, source], out=canvas[:, :, target])
    if rng.random() < 0.5:
        amount = int(rng.integers(4, 20))
        row, column = rng.integers(0, size, 2)
        grain = material.noise[row : row + size, column : column + size] * amount // 64
        np.copyto(canvas, (canvas + grain[:, :, None]).clip(0, 255), casting="unsafe")


def _outline(rng: np.random.Generator, side: int) -> np.ndarray:
    """A disc, square or diamond as bool [side, side]."""
    kind = rng.integers(3)
    if kind == 0:
        return np.ones((side, side), bool)
    distance = np.abs(2 * np.arange(side, dtype=np.int32) + 1 - side)
    if kind == 1:
        return distance[:, None] ** 2 + distance**2 <= side * side
    return distance[:, None] + distance <= side


def _paint(canvas: np.ndarray, row: int, column: int, mask: np.ndarray, colour: np.ndarray) -> None:
    canvas[row : row + mask.shape[0], column : column + mask.shape[1]][mask] = colour


def _plate(
    rng: np.random.Generator, material: _Material, canvas: np.ndarray, row: int, column: int, side: int, genuine: bool
) -> int:
    """A plate with its rim and its digit, or a decoy's shuffled one; gives the digit's class."""
    face = rng.integers(0, 256, 3)
    ink = _contrasting(rng, face)
    mask = _outline(rng, side)
    _paint(canvas, row, column, mask, ink if rng.random() < 0.5 else _contrasting(rng, face))
    rim = max(1, side // 16)
    inner = mask[rim:-rim, rim:-rim] & mask[: -2 * rim, rim:-rim] & mask[2 * rim :, rim:-rim]
    inner &= mask[rim:-rim, : -2 * rim] & mask[rim:-rim, 2 * rim :]
    _paint(canvas, row + rim, column + rim, inner, face)

    chosen = rng.integers(len(material.labels))
    digit = material.digits[chosen]
    if not genuine:
        blocks = digit.reshape(4, 2, 4, 2).swapaxes(1, 2).reshape(16, 2, 2)
        digit = blocks[rng.permutation(16)].reshape(4, 4, 2, 2).swapaxes(1, 2).reshape(8, 8)
    width = max(8, side * int(rng.integers(*_DIGIT, endpoint=True)) // 100)
    alpha = _enlarged(digit, width)[:, :, None]
    offset = (side - width) // 2
    patch = canvas[row + offset : row + offset + width, column + offset : column + offset + width]
    np.copyto(patch, (patch * (4096 - alpha) + ink * alpha) // 4096, casting="unsafe")
    return int(material.labels[chosen])


def _contrasting(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """A colour at least 90 grey levels lighter or darker than ``colour``."""
    while True:
        other = rng.integers(0, 256, 3)
        if abs(int((other - colour) @ (77, 150, 29)) // 256) >= 90:
            return other


def _enlarged(digit: np.ndarray, width: int) -> np.ndarray:
    """Bilinear enlargement in integers: uint8 [8, 8] of 0 to 16 → int32 [width, width] of 0 to 4096."""
    place = ((2 * np.arange(width, dtype=np.int32) + 1) * 8 * 16 // (2 * width) - 8).clip(0, 7 * 16)
    low, part = place // 16, place % 16
    high = (low + 1).clip(max=7)
    wide = digit.astype(np.int32)
    rows = wide[low] * (16 - part)[:, None] + wide[high] * part[:, None]
    return rows[:, low] * (16 - part) + rows[:, high] * part
