"""Small changes to a saved package that leave it a valid program: another operator, constant, weight or edge."""

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np

from gfnet_mobile.quiet import quiet

with quiet():
    from coremltools.proto import Model_pb2

FILE = Path("Data") / "com.apple.CoreML" / "model.mlmodel"
WEIGHTS = Path("Data") / "com.apple.CoreML" / "weights" / "weight.bin"
KINDS = ("operator", "constant", "weight", "edge")
LIKE = (
    ("relu", "sigmoid", "tanh", "silu", "softsign"),
    ("add", "sub", "mul", "maximum", "minimum"),
    ("reduce_mean", "reduce_sum", "reduce_max"),
    ("floor", "ceil", "round"),
)
"""operators of the same arguments"""


def mutate(package: Path, draw: random.Random) -> str:
    """Changes ``package`` and says what was changed."""
    model = Model_pb2.Model()
    model.ParseFromString((package / FILE).read_bytes())
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    found = ""
    while not found:
        kind = draw.choice(KINDS)
        if kind == "weight":
            found = _weight(package / WEIGHTS, list(block.operations), draw)
        else:
            change = {"operator": _operator, "constant": _constant, "edge": _edge}[kind]
            found = change(list(block.operations), draw)
    (package / FILE).write_bytes(model.SerializeToString())
    return found


def _blob(operation: Any) -> bool:
    return any(value.WhichOneof("value") == "blobFileValue" for value in operation.attributes.values())


def _operator(operations: list[Any], draw: random.Random) -> str:
    one = draw.choice([operation for operation in operations if operation.type != "const"])
    for group in LIKE:
        if one.type in group:
            before, one.type = one.type, draw.choice([kind for kind in group if kind != one.type])
            return f"{before} becomes {one.type}"
    return ""


def _constant(operations: list[Any], draw: random.Random) -> str:
    written = [operation for operation in operations if operation.type == "const" and not _blob(operation)]
    if not written:
        return ""
    one = draw.choice(written)
    tensor = one.attributes["val"].immediateValue.tensor
    field = tensor.WhichOneof("value")
    values = getattr(tensor, field).values
    if field == "bytes":
        data = bytearray(values)
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        getattr(tensor, field).values = bytes(data)
    elif field == "strings":
        values[0] += "x"
    elif not len(values):
        return ""
    else:
        place = draw.randrange(len(values))
        changes = {"ints": lambda x: x + draw.choice((-1, 1)), "bools": lambda x: not x}
        values[place] = changes.get(field, lambda x: x * (1 + draw.choice((-1, 1)) * 2.0 ** -draw.randrange(1, 20)))(
            values[place]
        )
    return f"constant {one.outputs[0].name}"


def _weight(file: Path, operations: list[Any], draw: random.Random) -> str:
    """One bit of one weight."""
    stored = [operation for operation in operations if _blob(operation)]
    if not stored:
        return ""
    one = draw.choice(stored)
    blobs = [value for value in one.attributes.values() if value.WhichOneof("value") == "blobFileValue"]
    data = bytearray(file.read_bytes())
    size, start = struct.unpack_from("<QQ", data, draw.choice(blobs).blobFileValue.offset + 8)
    place = start + draw.randrange(size)
    data[place] ^= 1 << draw.randrange(8)
    file.write_bytes(bytes(data))
    return f"weight {one.outputs[0].name}, byte {place}"


def _edge(operations: list[Any], draw: random.Random) -> str:
    number = draw.randrange(len(operations))
    if operations[number].type == "const" or not operations[number].inputs:
        return ""
    argument = draw.choice(sorted(operations[number].inputs))
    bound = draw.choice(operations[number].inputs[argument].arguments)
    types = {out.name: str(out.type) for operation in operations[:number] for out in operation.outputs}
    others = [name for name, kind in types.items() if kind == types.get(bound.name) and name != bound.name]
    if not others:
        return ""
    before, bound.name = bound.name, draw.choice(others)
    return f"{operations[number].type}: {argument} from {bound.name} in place of {before}"


def outputs_of(package: Path, function: str, load: Any) -> list[Any]:
    """What it gives for 20 random inputs, in float32."""
    program = load(package, "fp32", function)
    found = []
    for number in range(20):
        generator = np.random.default_rng(1000 + number)
        inputs = {
            name: generator.standard_normal(kind.shape).astype(kind.dtype)
            for name, kind in sorted(program.inputs.items())
        }
        found += [value.tobytes() for value in program.predict(inputs).values()]
    return found
