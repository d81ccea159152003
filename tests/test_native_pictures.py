"""The C++ preprocessing gives the pixels that Python gives, and no file makes it crash."""

import io
import struct
import subprocess
import zlib

import native
import numpy as np
import PIL
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from sklearn.datasets import load_sample_images

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import load_image

AS_IS = Preprocessing(size=16, resize=16, filter="bilinear")
TYPICAL = Preprocessing(size=224, resize=256, filter="bicubic")

# Pillow before 13 takes the two passes of a resize in another order where a picture is tall, which shows in the last
# bit; this can go with those versions.
SAME = 0 if int(PIL.__version__.split(".")[0]) >= 13 else 1

# The fixture is a directory: an example overwrites the files of the one before it.
many = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def run(path, preprocessing, variant="plain"):
    out = path.parent / "pixels"
    arguments = (path, preprocessing.size, preprocessing.resize, preprocessing.filter, out)
    program = native.build(variant) / "gfnet-prepare"
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True), out


def native_pixels(path, preprocessing):
    done, out = run(path, preprocessing)
    assert done.returncode == 0, done.stderr
    return np.fromfile(out, np.uint8, preprocessing.size**2 * 3).reshape(preprocessing.size, preprocessing.size, 3)


def difference(path, preprocessing):
    """In grey levels, pixel by pixel."""
    expected = load_image(path, preprocessing).pixels.astype(int)
    return np.abs(native_pixels(path, preprocessing) - expected)


def refusal(path, preprocessing=AS_IS, variant="plain"):
    done, _ = run(path, preprocessing, variant)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    return done.stderr.strip()


def noise(seed, *shape, dtype=np.uint8):
    """Noise with patches of the darkest and the brightest grey, where a resize runs over either end."""
    values = np.random.default_rng(seed).integers(0, np.iinfo(dtype).max + 1, shape, dtype)
    values[: shape[0] // 3] = values[: shape[0] // 3] // (np.iinfo(dtype).max // 2 + 1) * np.iinfo(dtype).max
    return values


def png_of_16_bits(values):
    """A PNG from uint16 [H, W, channels]; Pillow writes none in colour."""
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    rows = values.astype(">u2").reshape(len(values), -1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def in_mode(mode, seed, width, height):
    """A picture in one of Pillow's modes, and the options to save it with."""
    if mode == "I;16":
        return Image.fromarray(noise(seed, height, width, dtype=np.uint16)), {}
    if mode == "1":
        return Image.fromarray(noise(seed, height, width)).convert("1"), {}
    if mode == "P":
        picture = Image.fromarray(noise(seed, height, width) % 7, "P")
        picture.putpalette(noise(seed, 7, 3).tobytes())
        return picture, {"transparency": bytes([0, 128, 255, 3, 200])} if seed % 2 else {}
    bands = Image.new(mode, (1, 1)).getbands()
    return Image.merge(mode, [Image.fromarray(noise((seed, band), height, width)) for band in range(len(bands))]), {}


sides = st.tuples(st.integers(1, 300), st.integers(1, 200)).filter(lambda s: max(s) <= 100 * min(s))
preprocessings = st.builds(
    lambda size, margin, filter: Preprocessing(size=size, resize=size + margin, filter=filter),
    st.integers(1, 96),
    st.integers(0, 64),
    st.sampled_from(["bilinear", "bicubic"]),
)


@many
@given(
    mode=st.sampled_from(["L", "LA", "RGB", "RGBA", "P", "1", "I;16"]),
    seed=st.integers(0, 1000),
    sides=sides,
    orientation=st.integers(0, 9),
    preprocessing=preprocessings,
)
def test_every_mode_and_orientation_is_pixel_for_pixel_pythons(tmp_path, mode, seed, sides, orientation, preprocessing):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture, options = in_mode(mode, seed, *sides)
    picture.save(tmp_path / "picture.png", exif=exif, **options)
    assert difference(tmp_path / "picture.png", preprocessing).max() <= SAME


@many
@given(channels=st.integers(1, 4), seed=st.integers(0, 1000), sides=sides, preprocessing=preprocessings)
def test_16_bits_a_channel_are_read_as_python_reads_them(tmp_path, channels, seed, sides, preprocessing):
    values = noise(seed, sides[1], sides[0], channels, dtype=np.uint16)
    (tmp_path / "picture.png").write_bytes(png_of_16_bits(values))
    assert difference(tmp_path / "picture.png", preprocessing).max() <= SAME


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_a_bmp_is_pixel_for_pixel_pythons(tmp_path, mode):
    in_mode(mode, 2, 37, 23)[0].save(tmp_path / "picture.bmp")
    assert difference(tmp_path / "picture.bmp", AS_IS).max() <= SAME


@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
@pytest.mark.parametrize("sides", [(6000, 4000), (5000, 50), (1, 100), (4000, 40)], ids=str)
def test_a_very_large_shrink_and_an_extreme_ratio_are_pythons(tmp_path, sides, filter):
    picture = Image.fromarray(noise(1, sides[1], sides[0], 3))
    picture.save(tmp_path / "picture.png", compress_level=1)
    preprocessing = Preprocessing(size=8, resize=9, filter=filter)
    assert difference(tmp_path / "picture.png", preprocessing).max() <= SAME


def test_the_image_is_pythons_bit_for_bit(tmp_path):
    """Every grey level is there."""
    path = tmp_path / "picture.png"
    Image.fromarray(np.arange(768, dtype=np.uint16).astype(np.uint8).reshape(16, 16, 3)).save(path)
    _, out = run(path, AS_IS)
    image = np.fromfile(out, np.float32, offset=16 * 16 * 3).reshape(1, 3, 16, 16)
    np.testing.assert_array_equal(image, load_image(path, AS_IS).image)


@many
@given(sides=sides, orientation=st.integers(1, 8), preprocessing=preprocessings)
def test_the_region_is_pythons(tmp_path, sides, orientation, preprocessing):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("L", sides).save(tmp_path / "picture.png", exif=exif)
    done, _ = run(tmp_path / "picture.png", preprocessing)
    region = load_image(tmp_path / "picture.png", preprocessing).region()
    assert [float(number) for number in done.stdout.split()] == [region.top, region.left, region.height, region.width]


# Colour profiles


def icc(space, **tags):
    """A display profile of version 2 (version 4 for parametric curves) from its tags' content."""
    table, content = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += name.encode() + struct.pack(">II", start + len(content), len(body))
        content += body + bytes(-len(body) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(content), b"", 0x04300000, b"mntr", space, b"XYZ ")
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">III", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content


def fixed(*numbers):
    return struct.pack(f">{len(numbers)}i", *(round(number * 65536) for number in numbers))


def xyz(*numbers):
    return b"XYZ \0\0\0\0" + fixed(*numbers)


def gamma(exponent):
    return b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + fixed(exponent)


D50 = xyz(0.9642, 1.0, 0.8249)
SRGB_CURVE = b"para\0\0\0\0" + struct.pack(">HH", 3, 0) + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def matrix_profile(red, green, blue, curve):
    return icc(b"RGB ", wtpt=D50, rXYZ=xyz(*red), gXYZ=xyz(*green), bXYZ=xyz(*blue), rTRC=curve, gTRC=curve, bTRC=curve)


PROFILES = {
    "sRGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "display-P3": matrix_profile(
        (0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841), SRGB_CURVE
    ),
    "wide": matrix_profile((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446), gamma(2.2)),
    "grey": icc(b"GRAY", wtpt=D50, kTRC=gamma(1.8)),
    "broken": b"nonsense" * 20,
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "I;16"])
def test_a_colour_profile_is_converted_within_one_grey_level(tmp_path, mode, profile):
    picture, options = in_mode(mode, 4, 64, 64)
    picture.save(tmp_path / "picture.png", icc_profile=PROFILES[profile], **options)
    assert difference(tmp_path / "picture.png", Preprocessing(size=64, resize=64, filter="bilinear")).max() <= 1


@pytest.mark.parametrize(("mode", "profile"), [("RGB", "display-P3"), ("RGB", "wide"), ("L", "grey")])
def test_the_profiles_of_these_tests_do_change_colours(tmp_path, mode, profile):
    picture, _ = in_mode(mode, 4, 64, 64)
    picture.save(tmp_path / "plain.png")
    picture.save(tmp_path / "picture.png", icc_profile=PROFILES[profile])
    plain, converted = (native_pixels(tmp_path / name, AS_IS) for name in ("plain.png", "picture.png"))
    assert np.abs(plain.astype(int) - converted).max() > 5


# JPEG: another decoder than Pillow's, so other pixels before anything is prepared


JPEGS = {
    "best": {"quality": 95, "subsampling": 0},
    "usual": {"quality": 90, "subsampling": 2},
    "progressive": {"quality": 90, "subsampling": 2, "progressive": True},
    "restarts": {"quality": 90, "subsampling": 1, "restart_marker_blocks": 7},
    "small": {"quality": 40, "subsampling": 2},
}


@pytest.fixture(scope="module", params=[0, 1], ids=["temple", "flower"])
def photograph(request):
    return Image.fromarray(load_sample_images().images[request.param])


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photograph_is_close_to_pythons(tmp_path, photograph, mode, options):
    """The two decoders differ by up to 3 grey levels, 2 after a typical resize; the bounds are what was measured."""
    path = tmp_path / "photograph.jpg"
    photograph.convert(mode).save(path, **JPEGS[options])
    decoded = difference(path, Preprocessing(size=427, resize=427, filter="bilinear"))
    prepared = difference(path, TYPICAL)
    assert decoded.max() <= 3 and decoded.mean() < 0.15
    assert prepared.max() <= 2 and prepared.mean() < 0.2


@pytest.mark.parametrize("profile", ["sRGB", "display-P3"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpegs_profile_and_orientation_are_read(tmp_path, orientation, profile):
    """The profile is padded to fill two segments."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "picture.jpg"
    smooth = Image.fromarray(noise(6, 4, 5, 3)).resize((160, 96), Image.Resampling.BICUBIC)
    smooth.save(path, quality=95, subsampling=0, exif=exif, icc_profile=PROFILES[profile].ljust(100_000, b"\0"))
    assert difference(path, Preprocessing(size=48, resize=50, filter="bilinear")).max() <= 2


# What cannot be read


def encoded(picture, format, **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


SMALL = Image.fromarray(noise(7, 40, 40, 3))
WHOLE = {
    "png": encoded(SMALL, "PNG", icc_profile=PROFILES["wide"]),
    "palette": encoded(SMALL.quantize(9), "PNG", transparency=3),
    "16 bits": png_of_16_bits(noise(7, 20, 20, 3, dtype=np.uint16)),
    "jpeg": encoded(SMALL, "JPEG", icc_profile=PROFILES["sRGB"]),
    "progressive": encoded(SMALL, "JPEG", progressive=True, exif=b"Exif\0\0II*\0\x08" + bytes(9)),
    "bmp": encoded(SMALL, "BMP"),
}
HUGE = WHOLE["png"][:16] + (60_000).to_bytes(4, "big") * 2 + WHOLE["png"][24:]  # its header lies about its size


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"hello", "is no image that can be read"),
        (encoded(SMALL, "GIF"), "is no image that can be read; save it as JPEG, PNG or BMP"),
        (HUGE, "more than 89478485 pixels; scale it down first"),
        (encoded(Image.new("RGB", (500, 2)), "PNG"), "500 x 2 pixels are too narrow; crop it first"),
    ],
    ids=["empty", "text", "gif", "bomb", "narrow"],
)
def test_what_is_no_picture_is_refused(tmp_path, content, message):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    assert refusal(path) == f"{path}: {message}" or refusal(path).startswith(f"{path}: {message};")


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.95])
def test_a_truncated_picture_is_refused(tmp_path, kind, part):
    path = tmp_path / "picture"
    path.write_bytes(WHOLE[kind][: int(len(WHOLE[kind]) * part)])
    assert "is damaged or of a kind that is not read: " in refusal(path)
    with pytest.raises(UserError):
        load_image(path, AS_IS)


@pytest.mark.parametrize("damage", ["too many codes", "a table cut off"])
def test_huffman_tables_that_overflow_the_decoders_are_refused(tmp_path, damage):
    path, content = tmp_path / "picture.jpg", bytearray(WHOLE["jpeg"])
    table = content.index(b"\xff\xc4") + 2
    if damage == "too many codes":
        content[table + 3 + 16 - 2] = content[table + 3 + 16 - 1] = 255
    else:
        content[table + 1] += 5
    path.write_bytes(content)
    assert "bad Huffman tables" in refusal(path, variant="sanitized")


def test_a_wrong_suffix_does_not_matter(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(WHOLE["png"])
    assert difference(path, AS_IS).max() <= 1


def test_missing_files_and_folders_are_refused(tmp_path):
    assert refusal(tmp_path / "none.png") == f"{tmp_path}/none.png: no such file"
    assert refusal(tmp_path) == f"{tmp_path}: cannot be read: is a directory"


@settings(many, max_examples=100)
@given(
    kind=st.sampled_from(list(WHOLE)),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
    early=st.booleans(),
)
@example(kind="png", changes=[(0.18359375, 25)], early=True)  # a chunk whose name is no text
def test_no_changed_byte_makes_it_crash(tmp_path, kind, changes, early):
    """With the address and undefined-behaviour sanitizers; half of the changes fall into the headers."""
    content = bytearray(WHOLE[kind])
    for place, value in changes:
        content[int(place * (min(len(content), 200) if early else len(content)))] = value
    path = tmp_path / "picture"
    path.write_bytes(content)
    done, _ = run(path, AS_IS, "sanitized")
    assert done.returncode == 0 or (done.returncode == 2 and done.stderr.count("\n") == 1), done.stderr
