"""The first process of a phone's namespaces: mounts what a phone has, then keeps adbd running, as Android's init does.

Started by `phone.Phone` under `unshare`, with the root's folder, the phone's own /system folder and a mount point.
"""

import ctypes
import os
import platform
import struct
import subprocess
import sys
import time
from pathlib import Path

ENVIRONMENT = {"PATH": "/system/bin:/usr/bin:/usr/sbin", "HOME": "/data/local/tmp", "TMPDIR": "/data/local/tmp"}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def main(root: str, system: str, folder: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    mount_all(root, system, folder)
    refuse_vsock()
    os.chroot(folder)
    os.chdir("/")
    while True:
        adbd = start_adbd()
        while os.wait()[0] != adbd:  # any other is an orphan that came here to be buried
            pass
        time.sleep(0.2)  # an adbd that cannot start should not keep a core busy


def mount_all(root: str, system: str, folder: str) -> None:
    """The root read-only, and over it what is written to."""

    def mount(*arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)

    mount("--make-rprivate", "/")
    mount("--bind", root, folder)
    mount("-o", "remount,bind,ro", folder)
    mount("--bind", system, f"{folder}/system")
    mount("-t", "proc", "proc", f"{folder}/proc")
    # where XNNPACK learns of a processor's cores and caches
    mount("--rbind", "/sys", f"{folder}/sys")
    for name in ("tmp", "data", "dev"):
        mount("-t", "tmpfs", "-o", "size=512m,mode=755", "tmpfs", f"{folder}/{name}")
    Path(folder, "data/local/tmp").mkdir(parents=True)
    for name in DEVICES:
        Path(folder, "dev", name).touch()
        mount("--bind", f"/dev/{name}", f"{folder}/dev/{name}")
    Path(folder, "dev/pts").mkdir()
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts", f"{folder}/dev/pts")  # for `adb exec-out`
    Path(folder, "dev/ptmx").symlink_to("pts/ptmx")


def start_adbd() -> int:
    child = os.fork()
    if child == 0:
        os.setsid()
        os.execve("/usr/sbin/adbd", ["adbd"], ENVIRONMENT)
    return child


def refuse_vsock() -> None:
    """From here on no process opens an AF_VSOCK socket: adbd would listen on one, which no namespace keeps inside."""
    socket_call = {"x86_64": 41, "aarch64": 198}[platform.machine()]
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 0),  # load the number of the system call
            (0x15, 0, 3, socket_call),  # another one: allow
            (0x20, 0, 0, 16),  # load its first argument
            (0x15, 0, 1, 40),  # not AF_VSOCK: allow
            (0x06, 0, 0, 0x00050000 | 97),  # fail with EAFNOSUPPORT
            (0x06, 0, 0, 0x7FFF0000),  # allow
        )
    )
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(38, 1, 0, 0, 0) or prctl(22, 2, header, 0, 0):  # PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP with a filter
        raise OSError(ctypes.get_errno(), "seccomp")


if __name__ == "__main__":
    main(*sys.argv[1:])
