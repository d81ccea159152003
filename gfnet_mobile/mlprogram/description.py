"""What a package says of its inputs and outputs to an app, which must be what its program takes and gives: Core ML
refuses the package otherwise, or reads it wrongly."""

from collections.abc import Sequence

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.package import Package
from gfnet_mobile.mlprogram.program import FLOATS, Type
from gfnet_mobile.quiet import quiet

with quiet():
    from coremltools.proto import FeatureTypes_pb2, Model_pb2

_ARRAY = FeatureTypes_pb2.ArrayFeatureType
DTYPES = {
    _ARRAY.FLOAT32: "float32", _ARRAY.FLOAT16: "float16", _ARRAY.INT32: "int32", _ARRAY.INT8: "int8",
    _ARRAY.DOUBLE: "float64",
}  # fmt: skip
_SPACES = FeatureTypes_pb2.ImageFeatureType
CHANNELS = {_SPACES.RGB: 3, _SPACES.BGR: 3, _SPACES.GRAYSCALE: 1, _SPACES.GRAYSCALE_FLOAT16: 1}

Features = Sequence[tuple[str, Type]]


def described(package: Package, function: str) -> Model_pb2.ModelDescription:
    """What a package says of the function; its own description, where there are many (iOS 18)."""
    description = package.model.description
    for one in description.functions:
        if one.name == function:
            found = Model_pb2.ModelDescription()
            found.input.extend(one.input)
            found.output.extend(one.output)
            found.state.extend(one.state)
            return found
    return description


def check_description(
    package: Package,
    function: str,
    inputs: Features,
    outputs: Features,
    states: Features,
) -> None:
    """Raises UserError where the description names or declares something else than the program."""
    description = described(package, function)
    rows = (("input", description.input, inputs), ("output", description.output, outputs),
            ("state", description.state, states))  # fmt: skip
    for word, features, wanted in rows:
        names, types = sorted(one.name for one in features), dict(wanted)
        if names != sorted(name for name, _ in wanted):
            raise UserError(f"{package.folder}: describes {word}s {names}; the program has {sorted(types)}")
        for one in features:
            if not _alike(one.type, types[one.name], word):
                raise UserError(f"{word} {one.name!r}: described otherwise than the program's {types[one.name]}")


def _alike(described_as: FeatureTypes_pb2.FeatureType, kind: Type, word: str) -> bool:
    field = described_as.WhichOneof("Type")
    if field == "stateType":
        array = described_as.stateType.arrayType
        return DTYPES.get(array.dataType) == kind.dtype and tuple(array.shape) == kind.shape
    if field == "imageType":
        image = described_as.imageType
        size = (1, CHANNELS.get(image.colorSpace, 0), image.height, image.width)
        return kind.dtype in FLOATS and kind.shape == size
    if field == "multiArrayType":
        shape: tuple[int, ...] = tuple(described_as.multiArrayType.shape)
        same = shape == kind.shape or (shape == (1,) and kind.shape == ()) or (word == "output" and not shape)
        return same and DTYPES.get(described_as.multiArrayType.dataType) == kind.dtype
    return field == {"str": "stringType", "int64": "int64Type", "dict": "dictionaryType"}.get(kind.dtype)
