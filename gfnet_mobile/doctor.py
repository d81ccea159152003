"""What this machine lacks for each target, for building the runner, and for each kind of device."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gfnet_mobile import runtimes
from gfnet_mobile.devices import KINDS, discover, kind_of

INSTALL = "pip install 'gfnet-mobile[export]'"


@dataclass(frozen=True)
class Lack:
    """Something that is missing, or "" where nothing is."""

    area: str
    what: str = ""
    mend: str = ""


def examined() -> list[Lack]:
    """In the order to read: targets, tools, devices. Each area has a line at least."""
    return [*_targets(), *_tools(), *_devices()]


def _targets() -> Iterator[Lack]:
    for target in runtimes.known:
        reason = runtimes.unavailable(target)
        if reason is not None:
            what, _, mend = reason.partition(": ")
            yield Lack(f"target {target}", what, mend)
        elif runtimes.is_interpreted(target):
            yield Lack(f"target {target}", "Core ML itself (its files are interpreted here)", "use a Mac for latency")
        else:
            yield Lack(f"target {target}")


def _tools() -> Iterator[Lack]:
    area, lacks = "building the runner", []
    if shutil.which("cmake") is None:
        lacks.append(Lack(area, "cmake", "pip install cmake, or Debian: apt install cmake ninja-build"))
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        mend = "xcode-select --install" if sys.platform == "darwin" else "Debian: apt install g++"
        lacks.append(Lack(area, "a C++ compiler", mend))
    yield from lacks or [Lack(area)]
    area = "building it for phones"
    if ndk() is None:
        mend = "install it (developer.android.com/ndk, or Android Studio), then gfnet-mobile android build --ndk PATH"
        yield Lack(area, "Android NDK", mend)
    else:
        yield Lack(area)


def ndk() -> Path | None:
    """The NDK that the environment names, or the newest of the SDK that it names."""
    for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK"):
        if (path := os.environ.get(name)) and (Path(path) / "build" / "cmake").is_dir():
            return Path(path)
    for name in ("ANDROID_HOME", "ANDROID_SDK_ROOT"):
        if path := os.environ.get(name):
            versions = [folder for folder in (Path(path) / "ndk").glob("*") if (folder / "build" / "cmake").is_dir()]
            if versions:
                return max(
                    versions, key=lambda folder: [int(part) for part in folder.name.split(".") if part.isdecimal()]
                )
    return None


def _devices() -> Iterator[Lack]:
    for kind in KINDS:
        lacks = kind_of(kind)[0].missing()
        for one in lacks:
            yield Lack(f"{kind} devices", one.what, one.mend)
        if not lacks:
            yield Lack(f"{kind} devices")
    for found in discover():
        what, _, mend = found.problem.partition(": ")
        yield Lack(found.name, what, mend)
