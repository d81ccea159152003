"""Programs in C++, built for this machine or for ARM, against the libraries of ExecuTorch's wheel."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

from lab.needs import need


def wheel() -> Path:
    """The folder of the installed ExecuTorch, as ``GFNET_EXECUTORCH_WHEEL`` wants it."""
    found = importlib.util.find_spec("executorch")
    need(found is not None, "executorch is missing: pip install -e '.[export]'")
    return Path(next(iter(found.submodule_search_locations)))


def build(source: Path, folder: Path, target: str, *options: str) -> Path:
    """Configures ``source`` with CMake in ``folder`` and builds ``target``; the path of what was built."""
    need("cmake", "apt-get install cmake")
    need("ninja", "apt-get install ninja-build")
    need("c++", "apt-get install g++")
    _run("cmake", "-S", str(source), "-B", str(folder), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release", *options)
    _run("cmake", "--build", str(folder), "--target", target)
    return folder / target


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)
