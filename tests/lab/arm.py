"""64-bit ARM without a phone: Debian's cross compiler, ExecuTorch's ARM wheel, and qemu to run what was built."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import pytest

from gfnet_mobile.files import replacing_folder
from lab import CACHE
from lab.debian import unpack
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
    folder = CACHE / f"executorch-{version}-cp{sys.version_info.major}{sys.version_info.minor}-aarch64"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as scratch, replacing_folder(folder) as unpacked:
            _download(version, Path(scratch))
            (archive,) = Path(scratch).glob("*.whl")
            with zipfile.ZipFile(archive) as file:
                wanted = ("executorch/include/", "executorch/lib/", "executorch/share/")
                file.extractall(unpacked, [name for name in file.namelist() if name.startswith(wanted)])
    return folder / "executorch"


@cache
def root() -> Path:
    """The folder of ARM libraries, as ``GFNET_AARCH64_ROOT`` wants it."""
    folder = CACHE / "aarch64-root"
    if not folder.is_dir():
        with replacing_folder(folder) as unpacked:
            unpack(PACKAGES, unpacked, architecture="arm64", dependencies=False)
    return folder


def _download(version: str, folder: Path) -> None:
    platform = ["--platform", "manylinux_2_28_aarch64", "--only-binary=:all:", "--no-deps"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        f"executorch=={version}",
        *platform,
        "-d",
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.fail(f"ExecuTorch's ARM wheel could not be had: {done.stderr.strip()}", pytrace=False)
