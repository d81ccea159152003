"""Swift on a Linux machine: Debian 13's toolchain in a root of its own, since it does not run outside of one."""

import os
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest
from native import wheel

from lab.debian import unpack
from lab.kept import alone, kept
from lab.needs import need

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "ios_bench"
SCRATCH = REPOSITORY / "build" / "swift"
"""where SwiftPM builds: outside the source tree"""

RELEASE = "trixie"
PACKAGES = (
    *("swiftlang", "libc6-dev", "libstdc++-14-dev", "bash", "coreutils"),
    *("nlohmann-json3-dev", "liblcms2-dev", "libstb-dev"),
)

UNUSED = (
    *("usr/share/doc/*", "usr/share/locale/*", "usr/share/man/*"),
    *(f"usr/libexec/swift/bin/{program}" for program in ("lldb*", "clangd", "sourcekit-lsp", "docc")),
    *(f"usr/libexec/swift/lib/{library}" for library in ("liblldb*", "libsourcekitd*")),
    *(f"usr/libexec/swift/lib/{folder}" for folder in ("swift_static", "swift/embedded", "swift/FrameworkABIBaseline")),
)
"""of the toolchain, half its size: debugger, editors' services, documentation, libraries for other ways to link"""

VERSION = 2
"""one more for each change of what `_make` does"""

# Folders keep their paths inside. /sys: XNNPACK looks there for the processor; /dev: SwiftPM opens /dev/null.
# All mounts end with the namespace.
ENTER = """
root=$1; shift
for folder in /dev /sys; do mount --rbind "$folder" "$root$folder" || exit; done
while [ "$1" != -- ]; do mkdir -p "$root$1" && mount --bind "$1" "$root$1" || exit; shift; done
shift
exec chroot "$root" "$@"
"""


def command(*arguments: str | Path) -> list[str]:
    """The command line that runs ``arguments`` in the root. It sees the repository and the temporary folder."""
    folders = [REPOSITORY, wheel(), Path(tempfile.gettempdir())]
    environment = ["PATH=/usr/libexec/swift/bin:/usr/bin", "HOME=/root", f"GFNET_EXECUTORCH_WHEEL={wheel()}"]
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root()}/proc"]
    inside = ["/usr/bin/env", "--ignore-environment", f"--chdir={REPOSITORY}", *environment]
    return list(map(str, [*unshare, "sh", "-c", ENTER, "sh", root(), *folders, "--", *inside, *arguments]))


def run(*arguments: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(*arguments), capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


def checked(*arguments: str | Path) -> str:
    """What a command says that must succeed."""
    done = run(*arguments)
    if done.returncode:
        shown = " ".join(map(str, arguments))
        pytest.fail(f"{shown}:\n{done.stdout[-8000:]}{done.stderr[-8000:]}", pytrace=False)
    return done.stdout + done.stderr


def package(verb: str, *options: str) -> list[str | Path]:
    """SwiftPM's command for ``ios_bench``."""
    return ["swift", verb, "--package-path", PACKAGE, "--scratch-path", SCRATCH, "--jobs", "1", *options]


@cache
def build() -> Path:
    """The folder of programs, built for speed and up to date."""
    with alone(SCRATCH.with_suffix(".lock")):
        checked(*package("build", "--configuration", "release", "-Xswiftc", "-warnings-as-errors"))
    return SCRATCH / "release"


def test(*environment: str) -> str:
    """What the package's own tests say, while a sanitizer looks for data races."""
    with alone(SCRATCH.with_suffix(".lock")):
        return checked("env", *environment, *package("test", "--sanitize", "thread"))


def type_check(*sources: Path) -> None:
    """Fails unless sources agree with GFNetKit's modules as they are on Apple's systems, whose own are stand-ins."""
    modules = _apple_modules()
    checked("swiftc", *_LANGUAGE, "-I", modules, *_clang_module(), "-typecheck", "-parse-as-library", *sources)


def type_check_package(folder: Path, *more: Path) -> None:
    """The same for the module of an embedded package, and other sources as if they belonged to it."""
    with tempfile.TemporaryDirectory() as scratch:
        resources = Path(scratch) / "resources.swift"  # as SwiftPM makes it for a target with resources
        resources.write_text("import Foundation\nextension Bundle { static var module: Bundle { .main } }\n")
        type_check(*sorted((folder / "Sources").rglob("*.swift")), resources, *more)


_STAND_INS = (
    *("CoreVideo", "CoreGraphics", "ImageIO", "VideoToolbox", "CoreML", "Combine"),
    *("CoreMedia", "AVFoundation"),
)
"""in the order in which they need each other"""
_LANGUAGE = ("-swift-version", "6", "-warnings-as-errors", "-package-name", "ios_bench")
_STAND_IN = ("-swift-version", "6", "-enable-library-evolution", "-suppress-warnings")
"""as Apple's are: a later system may bring further cases of an enumeration (what is suppressed: that Foundation's here
may not)"""


@cache
def _apple_modules() -> Path:
    """Module files only: nothing in them could run."""
    build()  # makes the module map of the C++ target
    folder = SCRATCH / "apple"
    folder.mkdir(exist_ok=True)
    with alone(SCRATCH.with_suffix(".lock")):
        for module in _STAND_INS:
            _emit(folder, module, _STAND_IN, PACKAGE / "Stubs" / f"{module}.swift")
        for module in ("GFNetKit", "CoreMLEngine", "GFNetWire"):
            _emit(folder, module, _LANGUAGE, *sorted((PACKAGE / "Sources" / module).glob("*.swift")))
    return folder


def _emit(folder: Path, module: str, options: tuple[str, ...], *sources: Path) -> None:
    output = ["-emit-module", "-module-name", module, "-o", folder / f"{module}.swiftmodule", "-parse-as-library"]
    checked("swiftc", *options, "-I", folder, *_clang_module(), *output, *sources)


def _clang_module() -> list[str]:
    return ["-Xcc", f"-fmodule-map-file={SCRATCH / 'release/CGFNetCore.build/module.modulemap'}"]


@cache
def root() -> Path:
    """The root's folder; made on the first call, with some 500 MB from Debian's mirror. Skips where that cannot be."""
    allowed = os.geteuid() == 0
    if allowed:
        allowed = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"]).returncode == 0
    need(allowed, "Swift in a root of its own needs root, and a container that may make namespaces (--privileged)")
    return kept(f"swift-{RELEASE}-{VERSION}", _make)


def _make(folder: Path) -> None:
    unpack(PACKAGES, folder, release=RELEASE, without=UNUSED)
    (folder / "usr/bin/sh").symlink_to("bash")
    for name in ("dev", "proc", "sys", "tmp", "root"):
        (folder / name).mkdir(exist_ok=True)
