"""Builds the runner for phones with the NDK, and ExecuTorch with it."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from android_bench import ABIS, BUILT, PROGRAM
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing_folder

OLDEST_ANDROID = 26
"""API level, of Android 8"""
TOOLCHAIN = Path("build/cmake/android.toolchain.cmake")
"""in the NDK"""


def configuration(ndk: Path, abi: str, executorch: Path | None) -> list[str]:
    """CMake's arguments. ``executorch``: a checkout with its submodules; else the pinned commit is fetched."""
    return [
        f"-DCMAKE_TOOLCHAIN_FILE={ndk.absolute() / TOOLCHAIN}",
        f"-DANDROID_ABI={abi}",
        f"-DANDROID_PLATFORM=android-{OLDEST_ANDROID}",
        "-DANDROID_STL=c++_static",
        "-DCMAKE_BUILD_TYPE=Release",
        f"-DGFNET_EXECUTORCH_SOURCE={executorch.absolute() if executorch else 'fetch'}",
        f"-DPYTHON_EXECUTABLE={sys.executable}",
    ]


def build(ndk: Path, abi: str, executorch: Path | None) -> Path:
    """The folder with the runner for ``abi``, one of `ABIS`. Raises UserError where something is missing, or CMake or
    the compiler give up."""
    if abi not in ABIS:
        raise UserError(f"--abi {abi}: must be one of {', '.join(ABIS)}")
    if not (ndk / TOOLCHAIN).is_file():
        raise UserError(f"--ndk {ndk}: is no Android NDK (it has no {TOOLCHAIN}); see developer.android.com/ndk")
    if executorch is not None and not (executorch / "CMakeLists.txt").is_file():
        raise UserError(f"--executorch {executorch}: is no checkout of ExecuTorch (it has no CMakeLists.txt)")
    for program in ("cmake", "ninja"):
        if shutil.which(program) is None:
            raise UserError(f"{program} is needed to build the runner: pip install {program}")
    work = BUILT.parent / f"android-{abi}"
    source = Path(__file__).parent
    _run(["cmake", "-S", str(source), "-B", str(work), "-G", "Ninja", *configuration(ndk, abi, executorch)])
    _run(["cmake", "--build", str(work), "--target", PROGRAM])
    with replacing_folder(BUILT / abi) as folder:
        shutil.copy2(work / PROGRAM, folder / PROGRAM)
        _strip(ndk, folder / PROGRAM)
    return BUILT / abi


def _run(command: list[str]) -> None:
    """What CMake and the compiler print is for the user: minutes pass, and errors are theirs."""
    if subprocess.run(command, check=False).returncode:
        raise UserError(f"{' '.join(command[:2])} … failed; what is wrong stands above")


def _strip(ndk: Path, program: Path) -> None:
    """Symbols are three quarters of the file, and cross the cable."""
    host = f"{platform.system().lower()}-x86_64"  # of the NDK's tools, on ARM Macs too
    strip = ndk / "toolchains" / "llvm" / "prebuilt" / host / "bin" / "llvm-strip"
    if strip.is_file():
        _run([str(strip), str(program)])
