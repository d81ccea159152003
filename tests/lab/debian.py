"""Debian packages of any release and processor, unpacked into a folder: nothing is installed, root is not needed."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.needs import need

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def unpack(
    packages: Sequence[str],
    folder: Path,
    *,
    release: str | None = None,
    architecture: str | None = None,
    dependencies: bool = True,
    without: Sequence[str] = (),
) -> None:
    """Unpacks ``packages``, and unless ``dependencies`` is false all that they depend on; ``without`` those of their
    files and folders, relative to the root, that match (``usr/share/*``).

    From this machine's own Debian mirror; its own release and architecture where none are given. Skips the test (in CI:
    fails) where there is no apt with a Debian mirror, and fails where the mirror does not answer.
    """
    need("apt-get", "some of what is tested comes as Debian packages; use a Debian machine or container")
    need(KEYRING.exists(), f"{KEYRING} is missing: apt-get install debian-archive-keyring")
    mirror, own_release = _mirror()
    source = f"deb [signed-by={KEYRING}] {mirror} {release or own_release} main\n"
    with tempfile.TemporaryDirectory() as state:
        try:
            for archive in _download(packages, Path(state), source, architecture, dependencies):
                _unpack(archive, folder, without)
                archive.unlink()  # a disk need not hold all of them twice
        except subprocess.CalledProcessError as error:
            pytest.fail(f"Debian packages {', '.join(packages)}: {error.stderr.strip()}", pytrace=False)


def _unpack(archive: Path, folder: Path, without: Sequence[str]) -> None:
    """What ``dpkg -x`` does, less some of it."""
    unwanted = [f"--exclude=./{pattern}" for pattern in without]
    unpack = ["tar", "--extract", "--keep-directory-symlink", *unwanted, f"--directory={folder}"]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as contents:
        subprocess.run(unpack, stdin=contents.stdout, check=True, stderr=subprocess.PIPE, text=True)
    if contents.returncode:
        raise subprocess.CalledProcessError(contents.returncode, "dpkg-deb", stderr=f"{archive.name} is damaged")


def _download(
    packages: Sequence[str], state: Path, source: str, architecture: str | None, dependencies: bool
) -> list[Path]:
    """The package files, by an apt with lists of its own that knows of nothing installed."""
    archives = state / "var/cache/apt/archives"
    for name in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/dpkg", "var/lib/apt/lists/partial"):
        (state / name).mkdir(parents=True)
    (archives / "partial").mkdir(parents=True)
    (state / "var/lib/dpkg/status").touch()
    (state / "etc/apt/sources.list").write_text(source)
    options = [f"Dir={state}", f"Dir::State::status={state}/var/lib/dpkg/status", "APT::Sandbox::User=root"]
    options.append("Debug::NoLocking=true")
    if architecture is not None:
        options += [f"APT::Architecture={architecture}", f"APT::Architectures={architecture}"]
    own = [part for option in options for part in ("-o", option)]
    _apt([*own, "update"], archives)
    if dependencies:
        _apt([*own, "install", "--download-only", "--no-install-recommends", "--yes", *packages], archives)
    else:
        _apt([*own, "download", *packages], archives)
    return sorted(archives.glob("*.deb"))


def _mirror() -> tuple[str, str]:
    """Address and release of the Debian mirror that this machine itself uses."""
    wanted = ["--format", "$(REPO_URI) $(CODENAME)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    lines = _apt(["indextargets", *wanted], Path.cwd()).splitlines()
    need(bool(lines), "apt knows no Debian mirror on this machine: apt-get update")
    address, release = lines[0].split()
    return address, release


def _apt(arguments: Sequence[str], folder: Path) -> str:
    command = ["apt-get", "-qq", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout
