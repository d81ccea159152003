"""Small changes to a saved package that leave it a valid program: another operator, attribute, weight or edge."""

import random
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gfnet_mobile.quiet import quiet

with quiet():
    from coremltools.proto import Model_pb2

FILE = Path("Data") / "com.apple.CoreML" / "model.mlmodel"
WEIGHTS = Path("Data") / "com.apple.CoreML" / "weights" / "weight.bin"
KINDS = ("operator", "attribute", "weight", "edge", "output")
LIKE = (
    ("relu", "sigmoid", "tanh", "silu", "softsign"),
    ("add", "sub", "mul", "maximum", "minimum"),
    ("reduce_mean", "reduce_sum", "reduce_max"),
    ("floor", "ceil", "round"),
)
"""operators of the same arguments"""
TEXTS = (
    ("valid", "same", "same_lower", "custom"),
    ("fp16", "fp32"),
    ("forward", "reverse"),
    ("EXACT", "TANH_APPROXIMATION", "SIGMOID_APPROXIMATION"),
    ("constant", "reflect", "replicate"),
)
"""values of one argument"""
Change = Callable[[random.Random], str]
"""makes a change and says which; "" where it would be none"""


def mutate(package: Path, draw: random.Random) -> str:
    """Changes ``package`` and says what was changed. Each operator, attribute, weight, edge and output of the program
    is as likely as any other of its kind, and each kind as any other."""
    model = Model_pb2.Model()
    model.ParseFromString((package / FILE).read_bytes())
    function = model.mlProgram.functions["main"]
    (block,) = function.block_specializations.values()
    changes = {
        "operator": _operators(block),
        "attribute": _attributes(block),
        "weight": _weights(block, package / WEIGHTS),
        "edge": _edges(block, {one.name: str(one.type) for one in function.inputs}),
        "output": _outputs(block),
    }
    places = {kind: list(found) for kind, found in changes.items()}
    found = ""
    while not found:
        kind = draw.choice(KINDS)
        if places[kind]:
            found = draw.choice(places[kind])(draw)
    (package / FILE).write_bytes(model.SerializeToString())
    return found


def _stored(value: Any) -> bool:
    return value.WhichOneof("value") == "blobFileValue"


def _given(block: Any) -> Iterator[tuple[str, Any]]:
    """Every value that stands in the program, as a constant of its own or in place, and where it does."""
    for one in block.operations:
        for name, value in one.attributes.items():
            if name != "name":
                yield f"{one.type} {one.outputs[0].name}", value
        for argument, bound in one.inputs.items():
            for given in bound.arguments:
                if given.WhichOneof("binding") == "value":
                    yield f"{one.type} {one.outputs[0].name}, {argument}", given.value


def _operators(block: Any) -> Iterator[Change]:
    for one in block.operations:
        for group in LIKE:
            if one.type in group:
                yield partial(_other_kind, one, [kind for kind in group if kind != one.type])


def _other_kind(one: Any, kinds: list[str], draw: random.Random) -> str:
    before, one.type = one.type, draw.choice(kinds)
    return f"{before} {one.outputs[0].name} becomes {one.type}"


def _attributes(block: Any) -> Iterator[Change]:
    for place, value in _given(block):
        if not _stored(value):
            yield partial(_other_value, place, value)


def _other_value(place: str, value: Any, draw: random.Random) -> str:
    tensor = value.immediateValue.tensor
    field = tensor.WhichOneof("value")
    if field is None or not len(getattr(tensor, field).values):
        return ""
    values = getattr(tensor, field).values
    if field == "bytes":
        data = bytearray(values)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        getattr(tensor, field).values = bytes(data)
        return place
    number = draw.randrange(len(values))
    before = values[number]
    if field == "strings":
        values[number] = draw.choice([text for group in TEXTS if before in group for text in group] or [before + "x"])
    elif field == "bools":
        values[number] = not before
    elif field == "ints":
        values[number] = draw.choice([before + 1, before - 1, -before, 0, 1])
    else:
        values[number] = before * (1 + draw.choice((-1, 1)) * 2.0 ** -draw.randrange(1, 20))
    return f"{place}: {before} becomes {values[number]}" if values[number] != before else ""


def _weights(block: Any, file: Path) -> Iterator[Change]:
    """One bit of it, or another of its type in its place."""
    values = [value for _, value in _given(block) if _stored(value)]
    for value in values:
        yield partial(_one_bit, value, file)
        yield partial(_swapped, value, [other for other in values if other.type == value.type and other != value])


def _one_bit(value: Any, file: Path, draw: random.Random) -> str:
    data = bytearray(file.read_bytes())
    size, start = struct.unpack_from("<QQ", data, value.blobFileValue.offset + 8)
    place = start + draw.randrange(size)
    data[place] ^= 1 << draw.randrange(8)
    file.write_bytes(bytes(data))
    return f"weight at {value.blobFileValue.offset}, byte {place}"


def _swapped(value: Any, others: list[Any], draw: random.Random) -> str:
    if not others:
        return ""
    one, other = value.blobFileValue, draw.choice(others).blobFileValue
    one.offset, other.offset = other.offset, one.offset
    return f"weights at {one.offset} and {other.offset} change places"


def _edges(block: Any, inputs: dict[str, str]) -> Iterator[Change]:
    """To another value of the same type that was there before, an input of the function among them."""
    types = dict(inputs)
    for one in block.operations:
        for argument, bound in one.inputs.items():
            for given in bound.arguments:
                others = [name for name, kind in types.items() if kind == types.get(given.name) and name != given.name]
                if others:
                    yield partial(_rewired, f"{one.type} {one.outputs[0].name}, {argument}", given, others)
        types.update((out.name, str(out.type)) for out in one.outputs)


def _rewired(place: str, given: Any, others: list[str], draw: random.Random) -> str:
    before, given.name = given.name, draw.choice(others)
    return f"{place}: {given.name} in place of {before}"


def _outputs(block: Any) -> Iterator[Change]:
    for number in range(len(block.outputs)):
        yield partial(_other_output, block, number)


def _other_output(block: Any, number: int, draw: random.Random) -> str:
    """The order turned round, or another value of the program in an output's place."""
    before = list(block.outputs)
    if draw.random() < 0.5:
        block.outputs[:] = before[::-1]
    else:
        block.outputs[number] = draw.choice([out.name for one in block.operations for out in one.outputs])
    return f"outputs {before} become {list(block.outputs)}" if before != list(block.outputs) else ""


def outputs_of(package: Path, function: str, load: Any) -> list[Any]:
    """What it gives for 20 random inputs, in float32, in the order of its outputs' names."""
    program = load(package, "fp32", function)
    found = []
    for number in range(20):
        generator = np.random.default_rng(1000 + number)
        inputs = {
            name: generator.standard_normal(kind.shape).astype(kind.dtype)
            for name, kind in sorted(program.inputs.items())
        }
        found += [value.tobytes() for _, value in sorted(program.predict(inputs).items())]
    return found
