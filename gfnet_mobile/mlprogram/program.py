"""An ML program as plain data: functions, their operators, what each takes and gives.

Source: ``MIL.proto`` of coremltools. Every shape must be written out; nothing here has one that depends on data.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.ops.sizes import LARGEST, affordable
from gfnet_mobile.mlprogram.package import Package, inside
from gfnet_mobile.mlprogram.weights import Weights, unpacked
from gfnet_mobile.quiet import quiet

with quiet():
    from coremltools.proto import MIL_pb2

Value = NDArray[Any] | str | tuple[str | int, ...]
"""a constant"""

FLOATS = ("float16", "float32")

LATEST = 10
"""specification version of iOS 26, coremltools 9.0's last"""
OPERATOR_SETS = {"CoreML5": 6, "CoreML6": 7, "CoreML7": 8, "CoreML8": 9, "CoreML9": 10}
"""name → the first specification version that may have it: iOS 15, 16, 17, 18 and 26"""

SINCE = {
    "constexpr_affine_dequantize": 7, "constexpr_cast": 7, "constexpr_lut_to_dense": 7, "constexpr_sparse_to_dense": 7,
    "fill_like": 7, "pixel_unshuffle": 7, "reshape_like": 7, "dequantize": 8, "quantize": 8, "resize": 8,
    "constexpr_blockwise_shift_scale": 9, "constexpr_lut_to_sparse": 9, "constexpr_sparse_blockwise_shift_scale": 9,
    "read_state": 9, "write_state": 9, "scaled_dot_product_attention": 9, "slice_update": 9,
}  # fmt: skip
"""operators that are younger than ML programs → the first specification version that has them"""

_TYPES = MIL_pb2.DataType
DTYPES: dict[int, str] = {
    _TYPES.BOOL: "bool", _TYPES.STRING: "str", _TYPES.INT64: "int64", _TYPES.FLOAT16: "float16",
    _TYPES.FLOAT32: "float32", _TYPES.INT8: "int8", _TYPES.INT16: "int16", _TYPES.INT32: "int32",
    _TYPES.UINT8: "uint8", _TYPES.UINT16: "uint16", _TYPES.UINT32: "uint32", _TYPES.INT4: "int4",
    _TYPES.UINT1: "uint1", _TYPES.UINT2: "uint2", _TYPES.UINT3: "uint3", _TYPES.UINT4: "uint4", _TYPES.UINT6: "uint6",
}  # fmt: skip
FIELDS = {
    "bools": ("bool",), "floats": ("float32",), "ints": ("int32", "int16", "uint16", "uint32"), "longInts": ("int64",),
    "strings": ("str",),
}  # fmt: skip
"""fields of a constant written in the program, and the types in them; ``bytes`` hold all but truth values, too"""
LONGEST = 64
"""axes of a tensor, as many as numpy and torch take"""


@dataclass(frozen=True)
class Type:
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


@dataclass(frozen=True)
class Operator:
    kind: str
    name: str
    """of its first output, which is unique in the function, or of the state that it writes"""
    inputs: dict[str, tuple[str, ...]]
    """argument → names of values; most have one, lists have many"""
    outputs: tuple[tuple[str, Type], ...]
    blocks: tuple["Block", ...] = ()
    """what a loop or a condition executes"""


@dataclass(frozen=True)
class Block:
    """Operators inside of an operator; they see what was computed before it."""

    inputs: dict[str, Type]
    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Function:
    inputs: dict[str, Type]
    states: dict[str, Type]
    constants: dict[str, Value]
    """those written in place, and those of blocks inside, too"""
    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]
    """coremltools writes one twice where a network gives it twice"""


def read_function(package: Package, name: str = "main") -> Function:
    """Raises UserError for whatever is not understood, with its place."""
    program = package.model.mlProgram
    version = package.model.specificationVersion
    if version > LATEST:
        raise UserError(f"{package.folder}: specification version {version} is later than {LATEST}, the last one known")
    if name not in program.functions:
        raise UserError(f"{package.folder}: no function {name!r}; it has {', '.join(sorted(program.functions))}")
    function = program.functions[name]
    if function.opset not in OPERATOR_SETS:
        raise UserError(f"{package.folder}: operator set {function.opset!r} is none of {', '.join(OPERATOR_SETS)}")
    if version < OPERATOR_SETS[function.opset]:
        raise UserError(f"{package.folder}: operator set {function.opset!r} in specification version {version}")
    if function.opset not in function.block_specializations:
        raise UserError(f"{package.folder}: function {name!r} has no block for its operator set {function.opset!r}")
    block = function.block_specializations[function.opset]
    if not block.outputs:
        raise UserError(f"{package.folder}: function {name!r} gives nothing")
    stateful = {one.name for one in function.inputs if one.type.WhichOneof("type") == "stateType"}
    reader = _Reader(package)
    for one in function.inputs:
        reader.known(one.name, f"function {name!r}")
    return Function(
        inputs={one.name: _type(one.type, one.name) for one in function.inputs if one.name not in stateful},
        states={
            one.name: _type(one.type.stateType.wrappedType, one.name) for one in function.inputs if one.name in stateful
        },
        operators=reader.operators(block, OPERATOR_SETS[function.opset]),
        constants=reader.constants,
        outputs=tuple(block.outputs),
    )


def _written(operation: MIL_pb2.Operation, package: Package) -> str:
    """The state that an operator without result writes."""
    if operation.type != "write_state" or len(operation.inputs["input"].arguments) != 1:
        raise UserError(f"{package.folder}: operator {operation.type!r} gives nothing")
    return str(operation.inputs["input"].arguments[0].name)


def _type(described: MIL_pb2.ValueType, place: str) -> Type:
    if described.WhichOneof("type") == "dictionaryType":
        return Type("dict", ())  # a classifier's probabilities by label
    if described.WhichOneof("type") != "tensorType":
        raise UserError(f"{place!r}: is of type {described.WhichOneof('type')}; only tensors are understood")
    tensor = described.tensorType
    if tensor.dataType not in DTYPES:
        raise UserError(f"{place!r}: element type {tensor.dataType} is not understood")
    shape = []
    for dimension in tensor.dimensions:
        if dimension.WhichOneof("dimension") != "constant":
            raise UserError(f"{place!r}: its shape depends on data")
        shape.append(int(dimension.constant.size))
    if tensor.rank != len(shape) or len(shape) > LONGEST:
        raise UserError(f"{place!r}: {len(shape)} axes where {tensor.rank} are declared")
    if not affordable(shape):
        raise UserError(f"{place!r}: {shape} has more than {LARGEST} elements")
    return Type(DTYPES[tensor.dataType], tuple(shape))


class _Reader:
    """Operators, and constants: written in the program or in the weights beside it."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.weights: dict[str, Weights] = {}
        self.constants: dict[str, Value] = {}
        self._known: set[str] = set()

    def known(self, name: str, place: str) -> None:
        """Raises UserError for a second value of one name."""
        if name in self._known:
            raise UserError(f"{place}: {name!r} has a value already")
        self._known.add(name)

    def operators(self, block: MIL_pb2.Block, version: int) -> tuple[Operator, ...]:
        """``version``: the specification of the function's operator set."""
        found = []
        for operation in block.operations:
            if SINCE.get(operation.type, 0) > version:
                raise UserError(f"{operation.type}: an operator of a later specification than its function's")
            outputs = tuple((output.name, _type(output.type, output.name)) for output in operation.outputs)
            name = outputs[0][0] if outputs else _written(operation, self.package)
            place = f"{operation.type} {name!r}"
            blocks = tuple(self._block(one, version, place) for one in operation.blocks)
            for output, _ in outputs:
                self.known(output, place)
            if operation.type == "const":
                value = operation.attributes["val"]
                self.constants[name] = self.value(value, place)
                if _type(value.type, name) != outputs[0][1]:
                    raise UserError(f"{place}: declared as {outputs[0][1]}, its value is {_type(value.type, name)}")
            else:
                found.append(Operator(operation.type, name, self._inputs(operation, place), outputs, blocks))
        return tuple(found)

    def _block(self, block: MIL_pb2.Block, version: int, place: str) -> Block:
        """Its inputs may have the names of those of the block beside it."""
        inputs = {one.name: _type(one.type, one.name) for one in block.inputs}
        if len(inputs) < len(block.inputs) or self._known & set(inputs):
            raise UserError(f"{place}: an input of its block has a value already")
        self._known |= set(inputs)
        operators = self.operators(block, version)
        self._known -= set(inputs)
        return Block(inputs, operators, tuple(block.outputs))

    def _inputs(self, operation: MIL_pb2.Operation, place: str) -> dict[str, tuple[str, ...]]:
        inputs: dict[str, tuple[str, ...]] = {}
        for argument, bound in operation.inputs.items():
            names = []
            for number, one in enumerate(bound.arguments):
                names.append(one.name)
                if one.WhichOneof("binding") == "value":
                    names[-1] = f"{place}, {argument} {number}"
                    self.known(names[-1], place)
                    self.constants[names[-1]] = self.value(one.value, place)
                elif not one.name:
                    raise UserError(f"{place}: an argument without name or value")
            inputs[argument] = tuple(names)
        for argument, value in operation.attributes.items():
            if argument != "name":  # weights in compressed form (iOS 16 and 17)
                if argument in inputs:
                    raise UserError(f"{place}: {argument!r} is given twice")
                inputs[argument] = (f"{place}, {argument}",)
                self.constants[f"{place}, {argument}"] = self.value(value, place)
        return inputs

    def value(self, value: MIL_pb2.Value, place: str) -> Value:
        if value.WhichOneof("value") == "immediateValue" and value.immediateValue.WhichOneof("value") == "list":
            labels = [self.value(one, place) for one in value.immediateValue.list.values]
            if not all(isinstance(one, str) or (isinstance(one, np.ndarray) and one.size == 1) for one in labels):
                raise UserError(f"{place}: a list of a kind that is not understood")
            return tuple(one.item() if isinstance(one, np.ndarray) else str(one) for one in labels)
        kind = _type(value.type, place)
        if value.WhichOneof("value") == "blobFileValue":
            blob = value.blobFileValue
            return self._file(blob.fileName, place).read(blob.offset, kind.dtype, kind.shape)
        if value.WhichOneof("value") != "immediateValue" or value.immediateValue.WhichOneof("value") != "tensor":
            raise UserError(f"{place}: a constant of a kind that is not understood")
        tensor = value.immediateValue.tensor
        field = tensor.WhichOneof("value")
        if field is None:
            raise UserError(f"{place}: a constant without value")
        values = getattr(tensor, field).values
        if kind.dtype == "str":
            if field != "strings" or len(values) != 1 or kind.shape:
                raise UserError(f"{place}: a text constant must be one text")
            return str(values[0])
        if field == "bytes" and kind.dtype != "bool":
            found = unpacked(values, kind.dtype, math.prod(kind.shape))
        elif kind.dtype in FIELDS.get(field, ()):
            found = np.array(list(values)).astype(kind.dtype)
            if not np.array_equal(found, list(values), equal_nan=True):
                raise UserError(f"{place}: values beyond {kind}")
        else:
            raise UserError(f"{place}: {field} in a constant of {kind}")
        if found.size != math.prod(kind.shape):
            raise UserError(f"{place}: {found.size} values for a constant of {kind}")
        return found.reshape(kind.shape)

    def _file(self, name: str, place: str) -> Weights:
        relative = name.removeprefix("@model_path/")
        path = self.package.folder / relative
        try:
            inside(path, self.package.folder)
        except (OSError, ValueError) as error:
            raise UserError(f"{place}: its weights {name!r} cannot be read: {error}") from error
        if relative == name:
            raise UserError(f"{place}: its weights lie outside of the package ({name!r})")
        if name not in self.weights:
            self.weights[name] = Weights(path)
        return self.weights[name]
