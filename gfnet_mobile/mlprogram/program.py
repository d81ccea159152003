"""An ML program as plain data: functions, their operators, what each takes and gives.

Source: ``MIL.proto`` of coremltools. Every shape must be written out; nothing here has one that depends on data.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram.package import Package
from gfnet_mobile.mlprogram.weights import Weights, stored, unpacked
from gfnet_mobile.quiet import quiet

with quiet():
    from coremltools.proto import MIL_pb2

Value = NDArray[Any] | str | tuple[str, ...]
"""a constant"""

LATEST = 10
"""specification version of iOS 26, coremltools 9.0's last"""
OPERATOR_SETS = ("CoreML5", "CoreML6", "CoreML7", "CoreML8", "CoreML9")

_TYPES = MIL_pb2.DataType
DTYPES: dict[int, str] = {
    _TYPES.BOOL: "bool", _TYPES.STRING: "str", _TYPES.FLOAT16: "float16", _TYPES.FLOAT32: "float32",
    _TYPES.INT8: "int8", _TYPES.INT16: "int16", _TYPES.INT32: "int32", _TYPES.UINT8: "uint8", _TYPES.UINT16: "uint16",
    _TYPES.UINT32: "uint32", _TYPES.INT4: "int4", _TYPES.UINT1: "uint1", _TYPES.UINT2: "uint2", _TYPES.UINT3: "uint3",
    _TYPES.UINT4: "uint4", _TYPES.UINT6: "uint6",
}  # fmt: skip
LARGEST = 2**28
"""elements of a tensor"""


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


@dataclass(frozen=True)
class Function:
    inputs: dict[str, Type]
    states: dict[str, Type]
    constants: dict[str, Value]
    """those written in place, too, under names of their own"""
    operators: tuple[Operator, ...]
    outputs: tuple[str, ...]


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
    if function.opset not in function.block_specializations:
        raise UserError(f"{package.folder}: function {name!r} has no block for its operator set {function.opset!r}")
    block = function.block_specializations[function.opset]
    reader = _Reader(package)
    constants: dict[str, Value] = {}
    operators = []
    known = {one.name for one in function.inputs}
    for operation in block.operations:
        outputs = tuple((output.name, _type(output.type, output.name)) for output in operation.outputs)
        name = outputs[0][0] if outputs else _written(operation, package)
        place = f"{operation.type} {name!r}"
        for output, _ in outputs:
            if output in known:
                raise UserError(f"{place}: {output!r} has a value already")
            known.add(output)
        if operation.blocks:
            raise UserError(f"{place}: operators with blocks of their own are not understood")
        if operation.type == "const":
            constants[outputs[0][0]] = reader.value(operation.attributes["val"], place)
            continue
        inputs: dict[str, tuple[str, ...]] = {}
        for argument, bound in operation.inputs.items():
            names = []
            for number, one in enumerate(bound.arguments):
                names.append(one.name)
                if one.WhichOneof("binding") == "value":
                    names[-1] = f"{place}, {argument} {number}"  # no name of the file has blanks
                    constants[names[-1]] = reader.value(one.value, place)
                elif not one.name:
                    raise UserError(f"{place}: an argument without name or value")
            inputs[argument] = tuple(names)
        for argument, value in operation.attributes.items():
            if argument != "name":  # weights in compressed form (iOS 16 and 17)
                inputs[argument] = (f"{place}, {argument}",)
                constants[f"{place}, {argument}"] = reader.value(value, place)
        operators.append(Operator(operation.type, name, inputs, outputs))
    stateful = {one.name for one in function.inputs if one.type.WhichOneof("type") == "stateType"}
    return Function(
        inputs={one.name: _type(one.type, one.name) for one in function.inputs if one.name not in stateful},
        states={
            one.name: _type(one.type.stateType.wrappedType, one.name) for one in function.inputs if one.name in stateful
        },
        constants=constants,
        operators=tuple(operators),
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
    if math.prod(shape) > LARGEST:
        raise UserError(f"{place!r}: {shape} has more than {LARGEST} elements")
    return Type(DTYPES[tensor.dataType], tuple(shape))


class _Reader:
    """Constants, written in the program or in the weights beside it."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.weights: dict[str, Weights] = {}

    def value(self, value: MIL_pb2.Value, place: str) -> Value:
        if value.WhichOneof("value") == "immediateValue" and value.immediateValue.WhichOneof("value") == "list":
            texts = [self.value(one, place) for one in value.immediateValue.list.values]
            if not all(isinstance(text, str) for text in texts):
                raise UserError(f"{place}: a list of a kind that is not understood")
            return tuple(str(text) for text in texts)
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
        found = (
            unpacked(values, kind.dtype, math.prod(kind.shape)) if field == "bytes" else _numbers(values, kind.dtype)
        )
        if found.size != math.prod(kind.shape):
            raise UserError(f"{place}: {found.size} values for a constant of {kind}")
        return found.reshape(kind.shape)

    def _file(self, name: str, place: str) -> Weights:
        relative = name.removeprefix("@model_path/")
        path = self.package.folder / relative
        if relative == name or not path.resolve().is_relative_to(self.package.folder.resolve()):
            raise UserError(f"{place}: its weights lie outside the package ({name!r})")
        if name not in self.weights:
            self.weights[name] = Weights(path)
        return self.weights[name]


def _numbers(values: Sequence[Any], dtype: str) -> NDArray[Any]:
    return np.array(list(values)).astype(stored(dtype)) if len(values) else np.zeros(0, stored(dtype))
