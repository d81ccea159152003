"""Image inputs: what Core ML calls a pixel buffer, and the program a tensor of numbers from 0 to 255."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.description import described
from gfnet_mobile.mlprogram.package import Package
from gfnet_mobile.quiet import quiet

with quiet():
    from coremltools.proto import FeatureTypes_pb2

_SPACES = FeatureTypes_pb2.ImageFeatureType
ORDERS = {_SPACES.RGB: "RGB", _SPACES.BGR: "BGR", _SPACES.GRAYSCALE: "L"}
"""colour space of the description → the order of the program's channels"""


def image_inputs(package: Package, function: str) -> dict[str, str]:
    """Image input → order of its channels. Raises UserError for a colour space that is not understood."""
    found = {}
    for one in described(package, function).input:
        if one.type.WhichOneof("Type") == "imageType":
            if one.type.imageType.colorSpace not in ORDERS:
                raise UserError(f"input {one.name!r}: images of its colour space are not understood")
            found[one.name] = ORDERS[one.type.imageType.colorSpace]
    return found


def pixels(picture: Any, order: str) -> NDArray[np.float32]:
    """A Pillow image, or uint8 [H, W, 3] in RGB, [H, W] in grey → [1, C, H, W] as the program wants it. Raises
    UserError for anything else."""
    if hasattr(picture, "convert"):
        picture = np.asarray(picture.convert("L" if order == "L" else "RGB"))
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        raise UserError("an image input takes a Pillow image or an array of uint8")
    planes = picture[None] if picture.ndim == 2 else np.moveaxis(picture, -1, 0)
    if len(planes) != (1 if order == "L" else 3):
        raise UserError(f"{list(picture.shape)} pixels for an image of {order}")
    return (planes[::-1] if order == "BGR" else planes)[None].astype(np.float32)
