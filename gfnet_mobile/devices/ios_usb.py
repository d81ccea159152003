"""The wire's way to an iPhone: USB, by usbmuxd. ``idevice_id`` says which phones are plugged in, ``iproxy`` leads a port
of this machine to one of a phone's. Both are libimobiledevice's, for Linux and Mac alike."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence

from gfnet_mobile.devices.ios_road import run
from gfnet_mobile.devices.protocol import Missing
from gfnet_mobile.errors import UserError

TOOLS = ("idevice_id", "iproxy")


def missing() -> list[Missing]:
    lacks = [tool for tool in TOOLS if shutil.which(tool) is None]
    debian = "Debian: apt install usbmuxd libusbmuxd-tools libimobiledevice-utils"
    mend = "brew install libimobiledevice" if sys.platform == "darwin" else debian
    return [Missing(f"{' and '.join(lacks)}, to reach iPhones over USB", mend)] if lacks else []


def attached() -> list[str]:
    """UDIDs of the phones on USB; none where usbmuxd does not run: it is started when the first is plugged in."""
    if shutil.which("idevice_id") is None:
        return []
    done = run(["idevice_id", "--list"])
    return [] if done.returncode else done.stdout.split()


class Tunnel:
    """A port of this machine that leads to ``port`` of a phone. It outlives the phone's being unplugged: a connection
    through it ends then, and the next finds the phone again if it is back."""

    def __init__(self, udid: str, port: int) -> None:
        self._udid, self._port = udid, port
        self._local = 0
        self._process: subprocess.Popen[bytes] | None = None

    def local(self) -> int:
        """This machine's end. It listens soon; raises UserError if it cannot be made."""
        if self._process is None or self._process.poll() is not None:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._local = int(free.getsockname()[1])
            self._process = _started(["iproxy", "--udid", self._udid, f"{self._local}:{self._port}"])
        return self._local

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _started(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    quiet = subprocess.DEVNULL
    try:  # in a group of its own: Ctrl-C is this command's, which ends what it began itself
        return subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    except OSError as error:
        raise UserError(f"{missing()[0].what}: {missing()[0].mend}" if missing() else f"iproxy: {error}") from error
