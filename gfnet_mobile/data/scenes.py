"""Signs in scenes: the demo task. Read the one real digit in the picture; the answer is its class, 0 to 9.

A scene is a piece of one of scikit-learn's two photographs. In it stands one sign, a plate (disc, square or diamond)
with a handwritten digit of ``sklearn.datasets.load_digits``, besides up to two decoys, plates of the same kind whose
digit has its 2 × 2 pixel blocks shuffled, and some plain shapes. Plates stand near or far. Near ones can be read at a
glance; of the others a glance shows the plate, but not its digit: most need one look from close by, some more. That
favours coarse-to-fine models by construction.

The task is frozen: ``tests/test_sign_scenes.py`` pins the bytes. Pixels are computed in integers alone, so that they
do not depend on a machine's floating point.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image, ImageChops
from sklearn.datasets import load_digits, load_sample_image

Split = Literal["train", "validation", "test"]

_DIGITS = {"train": slice(0, 1097), "validation": slice(1097, 1347), "test": slice(1347, 1797)}
_COLUMNS = {"train": (0, 320), "validation": (320, 448), "test": (448, 640)}
"""each split has digits of its own and columns of the photographs of its own (640 pixels wide)"""
_SPLITS = ("train", "validation", "test")

_BASE = 224  # side of a demo scene, pixels


@dataclass(frozen=True)
class _Plates:
    """Plates of a kind."""

    smallest: float
    largest: float
    """sides in pixels, log-uniform between"""
    digit: tuple[int, int]
    """side of the digit in percent of the plate's"""


_FAR = _Plates(48, 60, (21, 27))
_NEAR = _Plates(132, 164, (28, 36))
_NEARBY = 30  # percent of the plates


@dataclass(frozen=True)
class _Material:
    """What the scenes of a split are made of."""

    digits: np.ndarray
    """uint8 [D, 8, 8], 0 to 16"""
    labels: np.ndarray
    """int64 [D]"""
    photos: tuple[Image.Image, ...]
    """enlarged so that a scene fits in"""
    noise: tuple[Image.Image, ...]
    """grey pictures around 128 of growing deviation, twice as wide and high as a scene"""


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
                photos.append(enlarged)
    throws = np.random.default_rng(7).integers(0, 256, (8, 2 * size, 2 * size), dtype=np.int16)
    normal = throws.sum(0, dtype=np.int16) - 1020  # eight throws: standard deviation 209
    grains = (((normal // divisor) + 128).clip(0, 255).astype(np.uint8) for divisor in (48, 24, 16, 11))
    noise = tuple(Image.fromarray(grain) for grain in grains)
    return _Material(digits.images[order].astype(np.uint8), digits.target[order], tuple(photos), noise)


def sign_scenes(count: int, *, seed: int, split: Split, size: int = _BASE) -> tuple[np.ndarray, np.ndarray]:
    """``count`` scenes as uint8 RGB images [count, S, S, 3] and int64 labels [count].

    A larger scene is a wider field: its signs are as many pixels wide as those of a smaller one.

    Scene i of a seed and split is the same whatever ``count`` is. Splits share no digit and no piece of the
    photographs.
    """
    material = _material(split, size)
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    for index in range(count):
        rng = np.random.default_rng((seed, _SPLITS.index(split), index))
        labels[index] = _scene(rng, material, images[index], (_FAR, _NEAR), 1)
    return images, labels


def digit_canvases(
    count: int, *, seed: int, size: int, smallest: float, clutter: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Training digits seen from close by, uint8 [count, size, size, 3] and int64 [count].

    The sign's side is at least the share ``smallest`` of the picture's; with ``clutter`` decoys and shapes stand
    around it as in a scene. Encoders learn to read here, from easy to hard, before they learn where to look.
    """
    material = _material("train", _BASE)
    images = np.empty((count, size, size, 3), np.uint8)
    labels = np.empty(count, np.int64)
    plates = _Plates(smallest * size, size, _NEAR.digit)
    for index in range(count):
        rng = np.random.default_rng((seed, len(_SPLITS), index))
        labels[index] = _scene(rng, material, images[index], (plates, plates), int(clutter))
    return images, labels


def _scene(
    rng: np.random.Generator, material: _Material, canvas: np.ndarray, kinds: tuple[_Plates, _Plates], clutter: int
) -> int:
    """Draws one scene into ``canvas``, uint8 [S, S, 3], each plate of the first kind or the second; gives its label.

    ``clutter`` is 0 or 1.
    """
    size = len(canvas)
    _background(rng, material, canvas)
    for _ in range(clutter * rng.integers(1, 5)):
        side = int(rng.integers(size // 14, size // 3))
        row, column = (int(v) for v in rng.integers(0, size - side, 2))
        _paint(canvas, row, column, _outline(rng, side), rng.integers(0, 256, 3))
    row, column, side, digit = _place(rng, size, kinds)
    taken = [(row, column, side)]
    label = _plate(rng, material, canvas, row, column, side, digit, genuine=True)
    for _ in range(clutter * rng.integers(0, 3)):
        for _ in range(8):
            row, column, side, digit = _place(rng, size, kinds)
            if all(row + side <= r or r + s <= row or column + side <= c or c + s <= column for r, c, s in taken):
                taken.append((row, column, side))
                _plate(rng, material, canvas, row, column, side, digit, genuine=False)
                break
    return label


def _place(
    rng: np.random.Generator, size: int, kinds: tuple[_Plates, _Plates]
) -> tuple[int, int, int, tuple[int, int]]:
    """Row, column and side of a plate inside a picture of ``size`` pixels, and the range of its digit's share."""
    plates = kinds[int(rng.integers(100) < _NEARBY)]
    side = int(plates.smallest * (plates.largest / plates.smallest) ** rng.random())
    row, column = (int(v) for v in rng.integers(0, size - side + 1, 2))
    return row, column, side, plates.digit


def _background(rng: np.random.Generator, material: _Material, canvas: np.ndarray) -> None:
    """A piece of a photograph, flipped, its colours permuted and bent; noise on half of them."""
    size = len(canvas)
    piece = _cut(rng, material.photos[rng.integers(len(material.photos))], size)
    for flip in (Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.FLIP_TOP_BOTTOM):
        piece = piece.transpose(flip) if rng.integers(2) else piece
    bend, gain, lift = rng.integers(-160, 161, 3), rng.integers(150, 257, 3), rng.integers(0, 256, 3)
    levels = np.arange(256, dtype=np.int32)[:, None]
    curves = (levels + bend * levels * (255 - levels) // (255 * 255)) * gain // 256 + (256 - gain) * lift // 256
    channels = piece.point(curves.clip(0, 255).T.ravel().tolist()).split()
    first, second = int(rng.integers(3)), int(rng.integers(1, 3))
    order = (first, (first + second) % 3, (first - second) % 3)
    picture = Image.merge("RGB", [channels[channel] for channel in order])
    if rng.integers(2):
        grain = _cut(rng, material.noise[rng.integers(len(material.noise))], size)
        picture = ImageChops.add(picture, Image.merge("RGB", (grain, grain, grain)), offset=-128)
    canvas[:] = picture


def _cut(rng: np.random.Generator, picture: Image.Image, size: int) -> Image.Image:
    left, top = (int(rng.integers(extent - size + 1)) for extent in picture.size)
    return picture.crop((left, top, left + size, top + size))


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
    place = canvas[row : row + mask.shape[0], column : column + mask.shape[1]]
    np.copyto(place, colour.astype(np.uint8), where=mask[:, :, None])


def _plate(
    rng: np.random.Generator,
    material: _Material,
    canvas: np.ndarray,
    row: int,
    column: int,
    side: int,
    digit_share: tuple[int, int],
    genuine: bool,
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
    width = max(8, side * int(rng.integers(*digit_share, endpoint=True)) // 100)
    alpha = _enlarged(digit, width)[:, :, None]
    offset = (side - width) // 2
    patch = canvas[row + offset : row + offset + width, column + offset : column + offset + width]
    np.copyto(patch, (patch * (4096 - alpha) + ink * alpha) // 4096, casting="unsafe")
    return int(material.labels[chosen])


def _contrasting(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """A colour at least 90 grey levels lighter or darker than ``colour``."""
    while True:
        other = rng.integers(0, 256, 3)
        red, green, blue = (other - colour).tolist()
        if abs(77 * red + 150 * green + 29 * blue) >= 90 * 256:
            return other


def _enlarged(digit: np.ndarray, width: int) -> np.ndarray:
    """Bilinear enlargement in integers: uint8 [8, 8] of 0 to 16 → int32 [width, width] of 0 to 4096."""
    place = ((2 * np.arange(width, dtype=np.int32) + 1) * 8 * 16 // (2 * width) - 8).clip(0, 7 * 16)
    low, part = place // 16, place % 16
    high = (low + 1).clip(max=7)
    wide = digit.astype(np.int32)
    rows = wide[low] * (16 - part)[:, None] + wide[high] * part[:, None]
    return rows[:, low] * (16 - part) + rows[:, high] * part
