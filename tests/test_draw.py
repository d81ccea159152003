"""The drawn result shows the image, every patch and every step's answer."""

import numpy as np
import pytest

from gfnet_mobile.host.draw import CARDS, COLOURS, MARGIN, SIDE, draw_result
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Step

PREPARED = from_pixels(np.full((224, 224, 3), 128, np.uint8))


def step(index, position=None, name="three", confidence=0.5):
    logits = np.full(10, np.log(max(1 - confidence, 1e-9) / 9), np.float32)
    logits[3] = np.log(max(confidence, 1e-9))
    size = None if position is None else 96
    made = Step(index, logits, 3, name, position, size, PREPARED.region(), 1.0)
    assert made.confidence == pytest.approx(confidence, abs=1e-6)
    return made


def has_colour(picture, colour):
    rgb = tuple(bytes.fromhex(colour[1:]))
    return (np.asarray(picture) == rgb).all(axis=2).any()


@pytest.mark.parametrize("count", range(1, 9))
def test_every_step_taken_appears_in_its_colour(count):
    steps = [step(0), *(step(index, (10 * index, 128 - 9 * index)) for index in range(1, count))]
    picture = draw_result(PREPARED, steps)
    assert picture.mode == "RGB" and picture.size == (SIDE + CARDS + 3 * MARGIN, SIDE + 2 * MARGIN)
    photo = picture.crop((MARGIN, MARGIN, MARGIN + SIDE, MARGIN + SIDE))
    for index, colour in enumerate(COLOURS):
        assert has_colour(picture, colour) == (index < count)
        assert has_colour(photo, colour) == (0 < index < count)


def test_a_patch_is_framed_where_it_was_cut():
    photo = np.asarray(draw_result(PREPARED, [step(0), step(1, (64, 32))]))[MARGIN:, MARGIN : MARGIN + SIDE]
    rows, columns = np.nonzero((photo == tuple(bytes.fromhex(COLOURS[1][1:]))).all(axis=2))
    scale = SIDE / 224
    assert rows.max() == pytest.approx((64 + 96) * scale, abs=4)
    assert (columns.min(), columns.max()) == pytest.approx((32 * scale, (32 + 96) * scale), abs=4)


@pytest.mark.parametrize("name", [None, "", "a very long name " * 20, "Straße 5", "\n", "名"])
@pytest.mark.parametrize("confidence", [0.0, 0.004, 1.0])
def test_any_name_and_confidence_can_be_drawn(name, confidence):
    draw_result(PREPARED, [step(0, name=name, confidence=confidence)])
