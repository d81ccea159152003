"""A result as a picture: the image with its numbered patches, and beside it one card per step.

A card shows what the step saw, enlarged, what it answered, and how sure it was; the last card is the answer.
"""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from gfnet_mobile.host.preprocess import Prepared
from gfnet_mobile.host.session import Step

SIDE = 560
"""pixels of the picture's side, and height of the column of cards"""
MARGIN = 20
CARDS = 320
"""width of the column"""
COLOURS = ("#8a94a6", "#e5484d", "#f5a524", "#30a46c", "#3e8ef7", "#a35cf0", "#e256a5", "#12a594")
"""one per step; the glance is grey"""
PAPER, INK, FAINT, TRACK = "#ffffff", "#1c2024", "#697177", "#e6e8eb"


def draw_result(prepared: Prepared, steps: Sequence[Step]) -> Image.Image:
    """The steps taken on one image, as RGB."""
    canvas = Image.new("RGB", (SIDE + CARDS + 3 * MARGIN, SIDE + 2 * MARGIN), PAPER)
    photo = Image.fromarray(prepared.pixels)
    canvas.paste(_with_patches(photo, steps), (MARGIN, MARGIN))
    height = (SIDE + MARGIN // 2) // max(len(steps), 4) - MARGIN // 2
    for number, step in enumerate(steps):
        card = _card(photo, step, height, is_answer=number == len(steps) - 1)
        canvas.paste(card, (SIDE + 2 * MARGIN, MARGIN + number * (height + MARGIN // 2)))
    return canvas


def _with_patches(photo: Image.Image, steps: Sequence[Step]) -> Image.Image:
    scale = SIDE / photo.width
    picture = photo.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    boxes = [(step.index, _box(step, scale)) for step in steps if step.position is not None]
    for index, box in boxes:
        draw.rectangle(box, outline=PAPER, width=6)
        draw.rectangle(_inset(box, 1), outline=COLOURS[index], width=4)
    for index, (left, top, _, _) in boxes:  # above all frames, however much they overlap
        _badge(draw, index, (left + 18, top + 18))
    return picture


def _card(photo: Image.Image, step: Step, height: int, *, is_answer: bool) -> Image.Image:
    card = Image.new("RGB", (CARDS, height), PAPER)
    seen = photo.crop(_box(step, 1.0)) if step.position is not None else photo
    card.paste(seen.resize((height, height), Image.Resampling.BICUBIC))
    draw = ImageDraw.Draw(card)
    draw.rectangle((0, 0, height - 1, height - 1), outline=COLOURS[step.index], width=4 if is_answer else 2)
    left, line = height + 14, height / 100
    _badge(draw, step.index, (left + 11, round(15 * line)), radius=11)
    title = ("glance" if step.index == 0 else "focus") + ("  ·  answer" if is_answer else "")
    draw.text((left + 30, 15 * line), title, FAINT, _font(14), anchor="lm")
    label = step.name if step.name is not None else f"class {step.label}"
    big = _font(min(26, round(26 * line)))
    draw.text((left, 48 * line), _shortened(label, big, CARDS - left), INK, big, anchor="lm")
    bar = (left, round(72 * line), CARDS - 58, round(72 * line) + 8)
    draw.rounded_rectangle(bar, 4, fill=TRACK)
    filled = bar[0] + round((bar[2] - bar[0]) * step.confidence)
    if filled - bar[0] >= 8:  # narrower than its round ends it would bulge
        draw.rounded_rectangle((bar[0], bar[1], filled, bar[3]), 4, fill=COLOURS[step.index])
    draw.text((CARDS, bar[1] + 4), f"{100 * step.confidence:.0f} %", INK, _font(15), anchor="rm")
    return card


def _box(step: Step, scale: float) -> tuple[int, int, int, int]:
    """A focus step's patch as left, top, right, bottom in the drawn picture."""
    assert step.position is not None and step.patch_size is not None
    top, left = step.position
    right, bottom = left + step.patch_size, top + step.patch_size
    return round(left * scale), round(top * scale), round(right * scale) - 1, round(bottom * scale) - 1


def _inset(box: tuple[int, int, int, int], by: int) -> tuple[int, int, int, int]:
    return box[0] + by, box[1] + by, box[2] - by, box[3] - by


def _badge(draw: ImageDraw.ImageDraw, index: int, centre: tuple[int, int], radius: int = 14) -> None:
    """The step's number in a disc of its colour."""
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), COLOURS[index], PAPER, 2)
    draw.text((x, y), str(index), PAPER, _font(radius + 3), anchor="mm")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """``text``, cut with an ellipsis where it is wider than ``width`` pixels."""
    cut = text
    while cut and font.getlength(cut if cut == text else cut + "…") > width:
        cut = cut[:-1]
    return cut if cut == text else cut + "…"
