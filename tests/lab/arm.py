"""64-bit ARM without a phone: Debian's cross compiler, ExecuTorch's ARM wheel, and qemu to run what was built."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
import zipfile
from functools import cache, partial
from pathlib import Path

import pytest

from lab.debian import unpack
from lab.kept import kept
from lab.needs import need

TOOLCHAIN = Path(__file__).parents[2] / "android_bench" / "cmake" / "aarch64-linux-gnu.cmake"
CROSS_LIBRARIES = Path("/usr/aarch64-linux-gnu/lib")
# What these depend on (C and mathematics) comes with the cross compiler.
PACKAGES = ("liblcms2-dev", "liblcms2-2")

# qemu 7.2 computes int8 wrongly on its richest processor, which has SVE; a phone's processor is what is meant anyhow.
QEMU_CPU = "cortex-a76"


def options() -> list[str]:
    """What CMake is told in order to build android_bench for ARM."""
    need("aarch64-linux-gnu-g++", "apt-get install g++-aarch64-linux-gnu")
    return [
        f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAIN}",
        f"-DGFNET_AARCH64_ROOT={root()}",
        f"-DGFNET_EXECUTORCH_WHEEL={wheel()}",
    ]


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs an ARM program. Some 500 times slower than a machine of its own: small networks, and never a measurement."""
    return subprocess.run(
        [*emulator(), program, *arguments],
        env=os.environ | {"LD_LIBRARY_PATH": ":".join(map(str, library_folders()))},
        capture_output=True,
        text=True,
    )


def library_folders() -> list[Path]:
    """Where an ARM program's libraries lie: ExecuTorch's, Debian's, the cross compiler's."""
    return [wheel() / "lib", root() / "usr/lib/aarch64-linux-gnu", CROSS_LIBRARIES]


def emulator(system: Path = CROSS_LIBRARIES.parent) -> list[str]:
    """The command before an ARM program; ``system`` is where its loader and other absolute paths are looked up."""
    need("qemu-aarch64-static", "apt-get install qemu-user-static")
    return ["qemu-aarch64-static", "-cpu", QEMU_CPU, "-L", str(system)]


@cache
def wheel() -> Path:
    """ExecuTorch for ARM, of the installed version: the folder as ``GFNET_EXECUTORCH_WHEEL`` wants it; 18 MB, once."""
    version = importlib.metadata.version("executorch").partition("+")[0]
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    return kept(f"executorch-{version}-{python}-aarch64", partial(_unpack_wheel, version)) / "executorch"


@cache
def root() -> Path:
    """The folder of ARM libraries, as ``GFNET_AARCH64_ROOT`` wants it."""
    return kept("-".join(("aarch64", *PACKAGES)), partial(unpack, PACKAGES, architecture="arm64", dependencies=False))


def _unpack_wheel(version: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", scratch]
        platform = ["--platform", "manylinux_2_28_aarch64", "--only-binary=:all:", "--no-deps"]
        done = subprocess.run([*pip, *platform, f"executorch=={version}"], capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"ExecuTorch's ARM wheel could not be had: {done.stderr.strip()}", pytrace=False)
        (archive,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(archive) as file:
            wanted = ("executorch/include/", "executorch/lib/", "executorch/share/")
            file.extractall(folder, [name for name in file.namelist() if name.startswith(wanted)])
