"""Runs coremltools' operator tests through ``plugin``; whatever is given goes to pytest (``-n 2``, ``-k conv``).

``--part 0.2`` takes that part of the tests, drawn by TEST_SEED.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

OPTIONS = (f"-q -c {os.devnull} -p no:cacheprovider -p tests.conformance.plugin -W ignore --tb=short "
           "--disable-warnings").split()  # fmt: skip
SETS = ("iOS14", "iOS15", "iOS16", "iOS17", "iOS18")


def main(arguments: list[str]) -> int:
    # read by coremltools when its tests are imported: no neural networks, and float32 beside float16
    os.environ |= {"PYMIL_TEST_TARGETS": "mlprogram", "INCLUDE_MIL_FP32_UNIT_TESTS": "1"}
    found = find_spec("coremltools")
    if found is None or found.origin is None:
        raise SystemExit("coremltools is not installed")
    tests = Path(found.origin).parent / "converters" / "mil" / "mil" / "ops" / "tests"
    return int(pytest.main([*OPTIONS, f"--rootdir={tests}", *(str(tests / name) for name in SETS), *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
