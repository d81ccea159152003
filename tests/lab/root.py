"""The phone's file system: a folder with Debian's adbd, a shell and the usual small programs, made once and kept.

adbd comes from Debian 13, whatever the machine runs; packages are unpacked, not installed.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from gfnet_mobile.files import replacing_folder
from lab.needs import need

RELEASE = "trixie"
PACKAGES = ("adbd", "busybox-static")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CACHE = Path(__file__).parents[2] / "build" / "lab"

# Numbered by what is written below; another number makes a new root.
STAMP = "1"

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
    root = CACHE / f"android-{RELEASE}-{STAMP}"
    if root.is_dir():
        return root
    need("apt-get", "the phone's file system is made from Debian packages; use a Debian machine or container")
    need(KEYRING.exists(), f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    with replacing_folder(root) as folder, tempfile.TemporaryDirectory() as state:
        try:
            for archive in _download(Path(state)):
                subprocess.run(["dpkg", "-x", archive, folder], check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            pytest.fail(f"the phone's file system could not be made: {error.stderr.strip()}", pytrace=False)
        _complete(folder)
    return root


def _download(state: Path) -> list[Path]:
    """`PACKAGES` and all that they depend on, by an apt of its own that knows of nothing installed."""
    archives = state / "var/cache/apt/archives"
    for name in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/dpkg", "var/lib/apt/lists/partial"):
        (state / name).mkdir(parents=True)
    (archives / "partial").mkdir(parents=True)
    (state / "var/lib/dpkg/status").touch()
    (state / "etc/apt/sources.list").write_text(f"deb [signed-by={KEYRING}] {_mirror()} {RELEASE} main\n")
    own = [
        "-o",
        f"Dir={state}",
        "-o",
        f"Dir::State::status={state}/var/lib/dpkg/status",
        "-o",
        "APT::Sandbox::User=root",
    ]
    _apt([*own, "update"])
    _apt([*own, "install", "--download-only", "--no-install-recommends", "--yes", *PACKAGES])
    return sorted(archives.glob("*.deb"))


def _mirror() -> str:
    """The Debian mirror that this machine itself uses."""
    wanted = ["--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    addresses = _apt(["indextargets", *wanted]).split()
    need(bool(addresses), "apt knows no Debian mirror on this machine: use Debian, with the lists of `apt-get update`")
    return addresses[0]


def _apt(arguments: Sequence[str]) -> str:
    done = subprocess.run(["apt-get", "-qq", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def _complete(root: Path) -> None:
    for name in ("bin", "sbin", "lib", "lib64"):
        if not (root / name).exists():
            (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "sys", "tmp", "data", "system", "root"):
        (root / name).mkdir()
    (root / "etc/passwd").write_text("root:x:0:0:root:/data/local/tmp:/bin/sh\n")
    subprocess.run(["chroot", root, "/usr/bin/busybox", "--install", "-s", "/usr/bin"], check=True)
    shutil.rmtree(root / "usr/share", ignore_errors=True)
