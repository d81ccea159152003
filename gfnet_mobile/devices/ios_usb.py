"""The wire's way to an iPhone: USB, by usbmuxd. ``idevice_id`` says which phones are plugged in, ``iproxy`` leads a
port of this machine to one of a phone's. Both are libimobiledevice's, for Linux and Mac alike."""

import shutil
import socket
import subprocess
import sys
from time import monotonic, sleep

from gfnet_mobile.devices.ios_road import run
from gfnet_mobile.devices.protocol import Missing
from gfnet_mobile.wire import Connection, Disconnected, connect

TOOLS = ("idevice_id", "iproxy")
START_S = 5.0


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

    def connect(self, where: str) -> Connection:
        """A connection through it, which ends at once if nobody listens on the phone. Raises Disconnected if iproxy
        does not start, or has just been ended; the next call starts another."""
        end = monotonic() + START_S
        if self._process is None or self._process.poll() is not None:
            self._start()
        while True:
            try:
                return connect("127.0.0.1", self._local, where)
            except Disconnected:  # iproxy takes a moment until it listens, and says so nowhere
                if (self._process is not None and self._process.poll() is not None) or monotonic() > end:
                    raise
            sleep(0.01)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._local = int(free.getsockname()[1])
        quiet = subprocess.DEVNULL
        command = ["iproxy", "--udid", self._udid, f"{self._local}:{self._port}"]
        # in a session of its own, so that Ctrl-C reaches this command only, which ends what it has begun
        self._process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
