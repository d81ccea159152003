"""The phone's file system: a folder with Debian's adbd, a shell and the usual small programs, made once and kept.

adbd comes from Debian 13, whatever the machine runs; packages are unpacked, not installed.
"""

import shutil
import subprocess
from functools import cache
from pathlib import Path

from lab.debian import unpack
from lab.kept import kept

RELEASE = "trixie"
PACKAGES = ("adbd", "busybox-static")

VERSION = 1
"""one more for each change of what `_make` does"""

# Android's own two programs, as far as anything here asks them. What they answer lies in files, for tests to change.
GETPROP = """#!/bin/sh
[ -n "$1" ] && exec sed -n "s/^$1=//p" /system/properties
exec sed "s/^\\([^=]*\\)=\\(.*\\)$/[\\1]: [\\2]/" /system/properties
"""
DUMPSYS = """#!/bin/sh
[ -f "/system/services/$1" ] && exec cat "/system/services/$1"
echo "Can't find service: $1" >&2
exit 20
"""


@cache
def android_root() -> Path:
    """The root's folder; made on the first call, with some 8 MB from Debian's mirror. Skips where it cannot be made."""
    return kept(f"android-{RELEASE}-{VERSION}", _make)


def _make(root: Path) -> None:
    unpack(PACKAGES, root, release=RELEASE)
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "sys", "tmp", "data", "system", "root"):
        (root / name).mkdir()
    (root / "etc/passwd").write_text("root:x:0:0:root:/data/local/tmp:/bin/sh\n")
    subprocess.run(["chroot", root, "/usr/bin/busybox", "--install", "-s", "/usr/bin"], check=True)
    shutil.rmtree(root / "usr/share", ignore_errors=True)
