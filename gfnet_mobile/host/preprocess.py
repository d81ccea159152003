"""From a picture to the network's image, as the manifest's ``preprocessing`` says.

In this order: EXIF orientation; 16-bit grey scaled to 8 bits; transparency laid on white, as on a page; an embedded
ICC profile converted to sRGB (a broken one is ignored); RGB; resize of the short side to ``resize`` with Pillow's
antialiased filter, the long side int(long * resize / short); centre crop of S x S at (extent - S) // 2; division by
255.
A resize to the size that the picture has already, and such a crop, change nothing.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.errors import UserError

Picture = str | Path | Image.Image | NDArray[np.uint8]
"""a file, a Pillow image, or RGB uint8 [H, W, 3]"""

ORIENTATION = 0x0112
"""the EXIF tag"""

LONGEST_RATIO = 100
"""a picture that is this much longer than wide would not fit into memory once its short side is resized"""


class Region(NamedTuple):
    """A rectangle in the upright source picture, in its pixels."""

    top: float
    left: float
    height: float
    width: float


@dataclass(frozen=True)
class Prepared:
    """The network's image, and the way back to the picture it was cut from."""

    image: NDArray[np.float32]
    """[1, 3, S, S], RGB in [0, 1]"""
    pixels: NDArray[np.uint8]
    """[S, S, 3]"""
    source_size: tuple[int, int]
    """width and height of the upright source, pixels"""
    scale: tuple[float, float]
    """source pixels per pixel of the resized picture: down, across"""
    offset: tuple[int, int]
    """row and column of the centre crop in the resized picture"""

    def region(self, position: tuple[int, int] = (0, 0), size: int | None = None) -> Region:
        """Where the patch of side ``size`` at ``position`` (row, column) lies in the source (default: all)."""
        down, across = self.scale
        side = self.pixels.shape[0] if size is None else size
        top, left = self.offset[0] + position[0], self.offset[1] + position[1]
        return Region(top * down, left * across, side * down, side * across)


def load_image(source: Picture, preprocessing: Preprocessing) -> Prepared:
    """Read, convert, resize and crop a picture. Raises UserError where it cannot be read."""
    if isinstance(source, np.ndarray):
        return prepare(_readable(_from_array(source), "the picture"), preprocessing)
    if isinstance(source, Image.Image):
        return prepare(_readable(source, "the picture"), preprocessing)
    path = Path(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return prepare(_readable(picture, str(path)), preprocessing)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: more than {Image.MAX_IMAGE_PIXELS} pixels; scale it down first") from error
    except UnidentifiedImageError as error:
        empty = path.stat().st_size == 0
        raise UserError(f"{path}: {'is empty' if empty else 'is no image that can be read'}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:  # Pillow, for a PNG whose colour profile unpacks to more than a megabyte
        raise UserError(f"{path}: cannot be read: {str(error).lower()}") from error


def prepare(picture: Image.Image, preprocessing: Preprocessing) -> Prepared:
    """Resize and crop an upright RGB picture."""
    width, height = picture.size
    size, resize = preprocessing.size, preprocessing.resize
    across, down = (resize * side // min(width, height) for side in (width, height))
    if (across, down) != (width, height):
        resample = getattr(Image.Resampling, preprocessing.filter.upper())
        picture = picture.resize((across, down), resample)
    top, left = (down - size) // 2, (across - size) // 2
    pixels = np.asarray(picture)[top : top + size, left : left + size]
    return _prepared(pixels, (width, height), (height / down, width / across), (top, left))


def from_pixels(pixels: NDArray[np.uint8]) -> Prepared:
    """The network's image from pixels uint8 [S, S, 3] that need neither resize nor crop."""
    return _prepared(pixels, (pixels.shape[1], pixels.shape[0]), (1.0, 1.0), (0, 0))


def _prepared(
    pixels: NDArray[np.uint8], source_size: tuple[int, int], scale: tuple[float, float], offset: tuple[int, int]
) -> Prepared:
    pixels = np.ascontiguousarray(pixels)
    image = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    return Prepared(image, pixels, source_size, scale, offset)


def _from_array(pixels: NDArray[Any]) -> Image.Image:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise UserError(f"a picture must be uint8 [H, W, 3], not {pixels.dtype} {list(pixels.shape)}")
    return Image.fromarray(np.ascontiguousarray(pixels))


def _readable(picture: Image.Image, name: str) -> Image.Image:
    """The upright picture in RGB; UserError for every way in which a decoder can fail."""
    if 0 in picture.size:
        raise UserError(f"{name}: has no pixels")
    if max(picture.size) > LONGEST_RATIO * min(picture.size):
        raise UserError(f"{name}: {picture.width} x {picture.height} pixels are too narrow; crop it first")
    try:
        picture.load()
        return _to_srgb(_on_white(_to_8_bits(_upright(picture), name)))
    except (UserError, Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise
    except Exception as error:  # Pillow's decoders raise whatever their format made them trip over
        raise UserError(f"{name}: is damaged or of a kind that is not read: {' '.join(str(error).split())}") from error


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture) if picture.getexif().get(ORIENTATION, 1) != 1 else picture
    except Exception:  # broken EXIF data, sound pixels
        return picture


def _to_8_bits(picture: Image.Image, name: str) -> Image.Image:
    """16-bit grey (Pillow's modes I;16*, and I where a file holds 16 bits) to 8 bits, 65535 → 255, rounded."""
    if not picture.mode.startswith("I") and picture.mode != "F":
        return picture
    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise UserError(f"{name}: has 32 bits a channel; save it with 8 or 16")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture
    colours = picture.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), colours).convert("RGB")
    flat.info = picture.info  # the colour profile among it
    return flat


def _to_srgb(picture: Image.Image) -> Image.Image:
    if profile := picture.info.get("icc_profile"):
        from PIL import ImageCms

        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            flat = picture.convert("RGB") if picture.mode in ("P", "1") else picture
            converted = ImageCms.profileToProfile(flat, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            return converted or flat
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a broken profile, or one for other channels: take the numbers as sRGB
    return picture if picture.mode == "RGB" else picture.convert("RGB")
