"""A pytest plugin: coremltools' tests take this machine for a Mac, and its models predict through our interpreter.

``outside.txt`` lists what is not run, ``failures.txt`` what is known to fail: a pattern of node ids, ``|``, the reason.
A test of the second list that passes fails the run, as does a line that no test answers to. A program with a shape that
is no number must be refused, and counts as skipped.

Operators are tested in float32 arithmetic, with coremltools' tolerances (1e-4). Programs that store float16 values are
held to 1e-2, where coremltools allows 0.5.
"""

import os
import random
import zlib
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from gfnet_mobile.errors import UserError
from gfnet_mobile.mlprogram import load
from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools.models.utils as coremltools_utils
    from coremltools.converters.mil import testing_utils
    from coremltools.models import MLModel
    from coremltools.proto.MIL_pb2 import DataType as types

HERE = Path(__file__).parent
APPLES = ("rdar://148451040", "rdar://149313013")
"""bugs of Core ML for which coremltools leaves tests of layers and states out; here they are run"""


def read(name: str) -> dict[str, str]:
    """Pattern → reason."""
    rows = (line.partition(" | ") for line in (HERE / name).read_text().splitlines() if line and line[0] != "#")
    found = {pattern.strip(): reason.strip() for pattern, _, reason in rows}
    without = [pattern for pattern, reason in found.items() if not reason]
    if without:
        raise pytest.UsageError(f"{name}: no reason for {without[0]}")
    return found


def match(node: str, pattern: str) -> bool:
    """``*`` alone is special: node ids have brackets of their own."""
    return fnmatchcase(node, pattern.replace("[", "[[]"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", type=float, default=1.0, help="part of the tests to run, drawn by TEST_SEED")


def pytest_configure(config: pytest.Config) -> None:
    coremltools_utils._is_macos = lambda: True
    coremltools_utils._macos_version = lambda: (99, 0)
    testing_utils._IS_MACOS = True
    testing_utils.compare_backend = partial(compare, testing_utils.compare_backend)
    MLModel.predict = predict
    MLModel.make_state = lambda model: {}
    for left_out in ("skip", "xfail"):
        setattr(pytest, left_out, partial(unless_apples, getattr(pytest, left_out)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    outside, failures = read("outside.txt"), read("failures.txt")
    nodes = [item.nodeid for item in items]
    whole = not config.option.keyword
    unmet = [p for p in [*outside, *failures] if not any(match(node, p) for node in nodes)]
    if whole and unmet:
        raise pytest.UsageError(f"no test answers to {unmet[0]!r}")
    kept, left = [], []
    for item in items:
        (left if any(match(item.nodeid, pattern) for pattern in outside) else kept).append(item)
        for pattern, reason in failures.items():
            if match(item.nodeid, pattern):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    count = round(len(kept) * config.option.part)
    drawn = set(random.Random(os.environ.get("TEST_SEED", "0")).sample([item.nodeid for item in kept], count))
    left += [item for item in kept if item.nodeid not in drawn]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in kept if item.nodeid in drawn]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The same numbers for a test whichever run before it."""
    np.random.seed(zlib.crc32(item.nodeid.encode()))  # noqa: NPY002, the tests draw from it


def compare(original: Callable[..., None], mlmodel: MLModel, *arguments: Any, **options: Any) -> None:
    """coremltools' comparison, with our tolerance for float16 in place of its own."""
    half = any(kind == types.FLOAT16 for _, kind, _ in tensors(mlmodel.get_spec()))
    tolerances = {"atol": 1e-2, "rtol": 1e-2} if half else {}
    original(mlmodel, *arguments, **options | tolerances | {"dtype": "fp32"})


def unless_apples(original: Callable[..., None], reason: str = "", **options: Any) -> None:
    if reason not in APPLES:
        original(reason, **options)


def predict(model: Any, data: dict[str, Any], state: dict[str, Any] | None = None) -> dict[str, Any]:
    """Core ML casts what it is given to the declared type, and a scalar comes back with one axis. ``state`` is empty
    before the first prediction."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.mlpackage"
        model.save(str(path))
        if not all(static for *_, static in tensors(model.get_spec())):
            with pytest.raises(UserError, match="shape depends on data"):
                load(path)
            pytest.skip("shapes that depend on data are refused")
        program = load(path)
        inputs = {
            name: np.asarray(data[name]).astype(kind.dtype).reshape(kind.shape) for name, kind in program.inputs.items()
        }
        if program.states and not state:
            state.update(program.make_state())
        try:
            outputs = program.predict(inputs, state)
        except UserError as error:
            raise RuntimeError(f"Unable to compute the prediction using ML Program: {error}") from error
        return {name: array if array.shape else array[None] for name, array in outputs.items()}


def tensors(spec: Any) -> Iterator[tuple[str, int, bool]]:
    """Name, element type and whether its extents are numbers, of each tensor in a model."""
    for function in spec.mlProgram.functions.values():
        block = function.block_specializations[function.opset]
        values = [*function.inputs, *(output for one in block.operations for output in one.outputs)]
        for value in values:
            tensor = value.type.tensorType
            static = all(one.WhichOneof("dimension") == "constant" for one in tensor.dimensions)
            yield value.name, tensor.dataType, static
