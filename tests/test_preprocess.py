"""Pictures of every kind become RGB in [0, 1]; what cannot be read is refused in one line."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import from_pixels, load_image

AS_IS = Preprocessing(size=8, resize=8, filter="bilinear")
PIXELS = np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8)
GREY = PIXELS[..., 0]


def saved(tmp_path, picture, suffix="png", **options):
    path = tmp_path / f"picture.{suffix}"
    picture.save(path, **options)
    return path


def test_an_image_is_rgb_from_0_to_1():
    prepared = load_image(PIXELS, AS_IS)
    assert prepared.image.dtype == np.float32 and prepared.image.shape == (1, 3, 8, 8)
    np.testing.assert_array_equal(prepared.pixels, PIXELS)
    np.testing.assert_array_equal(prepared.image[0, 1], PIXELS[..., 1] / np.float32(255))
    np.testing.assert_array_equal(prepared.image, from_pixels(PIXELS).image)


def test_resize_and_crop_are_pillows():
    pixels = np.random.default_rng(4).integers(0, 256, (37, 52, 3), np.uint8)
    prepared = load_image(pixels, Preprocessing(size=16, resize=20, filter="bicubic"))
    resized = Image.fromarray(pixels).resize((20 * 52 // 37, 20), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(prepared.pixels, np.asarray(resized)[2:18, 6:22])
    assert prepared.source_size == (52, 37)


def test_a_region_leads_back_to_the_source():
    prepared = load_image(np.zeros((40, 80, 3), np.uint8), Preprocessing(size=16, resize=20, filter="bilinear"))
    whole, patch = prepared.region(), prepared.region((3, 5), 4)
    assert (whole.top, whole.left, whole.height, whole.width) == (4, 24, 32, 32)
    assert (patch.top, patch.left, patch.height, patch.width) == (10, 34, 8, 8)


STORED = {  # EXIF orientation → what the camera did to an upright picture
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_obeyed(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(PIXELS).transpose(STORED[orientation])
    np.testing.assert_array_equal(load_image(saved(tmp_path, stored, exif=exif), AS_IS).pixels, PIXELS)


def test_broken_exif_data_does_no_harm(tmp_path):
    path = saved(tmp_path, Image.fromarray(PIXELS), exif=b"Exif\0\0nonsense")
    np.testing.assert_array_equal(load_image(path, AS_IS).pixels, PIXELS)


def test_grey_becomes_three_equal_channels(tmp_path):
    pixels = load_image(saved(tmp_path, Image.fromarray(GREY)), AS_IS).pixels
    np.testing.assert_array_equal(pixels, np.stack([GREY] * 3, axis=2))


def test_16_bit_grey_is_scaled_not_cut_off(tmp_path):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    pixels = load_image(saved(tmp_path, Image.fromarray(values)), AS_IS).pixels
    np.testing.assert_array_equal(pixels[..., 0], np.floor(values / 257 + 0.5))


def test_a_palette_becomes_its_colours(tmp_path):
    palette = Image.fromarray(PIXELS).quantize(16)
    np.testing.assert_array_equal(
        load_image(saved(tmp_path, palette), AS_IS).pixels, np.asarray(palette.convert("RGB"))
    )


def test_black_and_white_becomes_0_and_255(tmp_path):
    pixels = load_image(saved(tmp_path, Image.fromarray(GREY).convert("1")), AS_IS).pixels
    assert set(np.unique(pixels)) == {0, 255}


def test_transparency_is_laid_on_white(tmp_path):
    alpha = np.zeros((8, 8, 1), np.uint8)
    alpha[:, 4:] = 255
    expected = np.where(alpha == 255, PIXELS, 255)
    rgba = Image.fromarray(np.concatenate([PIXELS, alpha], axis=2), "RGBA")
    np.testing.assert_array_equal(load_image(saved(tmp_path, rgba), AS_IS).pixels, expected)
    la = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha[..., 0])])
    np.testing.assert_array_equal(load_image(saved(tmp_path, la), AS_IS).pixels[:, :4], 255)
    palette = Image.fromarray(np.zeros((8, 8), np.uint8), "P")
    palette.putpalette([10, 20, 30])
    np.testing.assert_array_equal(load_image(saved(tmp_path, palette, transparency=0), AS_IS).pixels, 255)


def test_cmyk_becomes_rgb(tmp_path):
    cmyk = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixels = load_image(saved(tmp_path, cmyk, "tiff"), AS_IS).pixels
    assert pixels[0, 0, 0] > 200 and pixels[0, 0, 1] < 60 and pixels[0, 0, 2] < 60


def test_a_colour_profile_is_converted_to_srgb(tmp_path):
    """An sRGB profile changes nothing by more than one grey level; one with red and green exchanged does."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = load_image(saved(tmp_path, Image.fromarray(PIXELS), icc_profile=srgb), AS_IS).pixels
    assert np.abs(pixels.astype(int) - PIXELS).max() <= 1
    exchanged = srgb.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")
    pixels = load_image(saved(tmp_path, Image.fromarray(PIXELS), icc_profile=exchanged), AS_IS).pixels
    assert np.abs(pixels.astype(int) - PIXELS[..., [1, 0, 2]]).max() <= 2


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_broken_colour_profile_is_ignored(tmp_path, mode):
    picture = Image.fromarray(PIXELS).convert(mode)
    plain = load_image(saved(tmp_path, picture, "tiff"), AS_IS).pixels
    broken = load_image(saved(tmp_path, picture, "tiff", icc_profile=b"nonsense" * 20), AS_IS).pixels
    np.testing.assert_array_equal(broken, plain)


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


WHOLE = png(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)))
HUGE = WHOLE[:16] + (60_000).to_bytes(4, "big") * 2 + WHOLE[24:]  # its header lies about its size


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello", "no image"),
        (WHOLE[: len(WHOLE) // 2], "damaged"),
        (HUGE, "damaged|pixels|no image"),
        (png(Image.new("RGB", (500, 2))), "too narrow"),
    ],
    ids=["empty", "text", "truncated", "bomb", "narrow"],
)
def test_what_is_no_picture_is_refused(tmp_path, content, message):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"picture.png: .*({message})") as error:
        load_image(path, AS_IS)
    assert "\n" not in str(error.value)


def test_more_pixels_than_fit_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    path = tmp_path / "picture.png"
    path.write_bytes(WHOLE)
    with pytest.raises(UserError, match="more than 1000 pixels"):
        load_image(path, AS_IS)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_image(tmp_path / "none.png", AS_IS)
    with pytest.raises(UserError, match="cannot be read"):
        load_image(tmp_path, AS_IS)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)],
    ids=["grey", "float", "no pixels"],
)
def test_other_arrays_are_refused(pixels):
    with pytest.raises(UserError, match=r"must be uint8 \[H, W, 3\]"):
        load_image(pixels, AS_IS)


def test_32_bit_pictures_are_refused(tmp_path):
    with pytest.raises(UserError, match="32 bits"):
        load_image(saved(tmp_path, Image.fromarray(np.zeros((8, 8), np.float32)), "tiff"), AS_IS)


def test_a_png_whose_profile_unpacks_to_megabytes_is_refused_in_one_line(tmp_path):
    path = tmp_path / "large-profile.png"
    Image.new("RGB", (4, 4)).save(path, icc_profile=bytes(3_000_000))
    with pytest.raises(UserError, match=r"large-profile\.png: cannot be read"):
        load_image(path, AS_IS)
