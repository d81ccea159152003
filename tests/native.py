"""Builds android_bench once for the tests that run its programs."""

import functools
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from lab import arm
from lab.kept import alone
from lab.needs import need

ROOT = Path(__file__).parents[1]
SANITIZERS = "-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all"
VARIANTS = {
    "plain": ("-DCMAKE_BUILD_TYPE=Release",),
    "arm": ("-DCMAKE_BUILD_TYPE=Release",),
    "sanitized": (
        "-DCMAKE_BUILD_TYPE=None",
        f"-DCMAKE_C_FLAGS={SANITIZERS}",
        f"-DCMAKE_CXX_FLAGS={SANITIZERS}",
    ),
}


@functools.cache
def build(variant: str = "plain") -> Path:
    """The build directory, up to date. Skips the test where a tool is missing, but fails on a CI machine."""
    for program, package in (("cmake", "cmake"), ("ninja", "ninja-build"), ("g++", "g++")):
        need(program, f"apt-get install {package}")
    options = arm.options() if variant == "arm" else [f"-DGFNET_EXECUTORCH_WHEEL={wheel()}"]
    directory = ROOT / "build" / f"native-{variant}"
    with alone(directory / "lock"):
        run("cmake", "-S", str(ROOT / "android_bench"), "-B", str(directory), "-G", "Ninja", "-DGFNET_TESTS=ON",
             *options, *VARIANTS[variant])  # fmt: skip
        run("cmake", "--build", str(directory))
    return directory


def wheel() -> Path:
    """The folder of the installed ExecuTorch."""
    found = find_spec("executorch")
    assert found is not None and found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0])


def run(*command: str, lines: str = "") -> str:
    """What a command prints, with ``lines`` on its standard input; the test fails where it ends badly."""
    done = subprocess.run(command, input=lines, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        pytest.fail(f"{' '.join(command)}:\n{done.stdout[-5000:]}{done.stderr[-5000:]}", pytrace=False)
    return done.stdout
