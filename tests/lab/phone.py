"""Phones without phones: a real adb, and a real adbd in namespaces of its own, without the machine's network."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import adbutils

from lab.needs import need
from lab.root import DUMPSYS, GETPROP, android_root

HERE = Path(__file__).parent
# Before a command: it is killed when the tests' process ends, however that ends.
DIE_TOO = ("setpriv", "--pdeathsig", "KILL")
PROPERTIES = {
    "ro.product.cpu.abi": "x86_64",
    "ro.product.cpu.abilist": "x86_64",
    "ro.product.model": "Lab Phone",
    "ro.product.manufacturer": "Lab",
    "ro.soc.model": "LAB1",
    "ro.build.version.release": "15",
    "ro.build.version.sdk": "35",
    "ro.build.fingerprint": "lab/phone/phone:15/LAB1/1:user/release-keys",
}
Manner = Literal["open", "silent", "locked"]


class AdbServer:
    """An adb server of the tests' own, on a port of its own; `adbutils` finds it by ``ANDROID_ADB_SERVER_PORT``."""

    def __init__(self, home: Path) -> None:
        self.port = free_port()
        self.environment = os.environ | {"ANDROID_ADB_SERVER_PORT": str(self.port), "HOME": str(home)}

    def adb(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the ``adb`` command; the server starts with the first."""
        command = [adbutils.adb_path(), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)

    def kill(self) -> None:
        self.adb("kill-server")


class Phone:
    """One phone, switched on and plugged in. Its adbd is root, as are its shells; the cable is the only way to it."""

    def __init__(self, server: AdbServer, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._cable: subprocess.Popen[bytes] | None = None
        self.port = free_port()
        self.serial = f"127.0.0.1:{self.port}"
        self._system = folder / "system"
        self._fill_system()
        (folder / "root").mkdir()
        self.log = folder / "log"
        """what adbd says"""
        self._log = self.log.open("wb")
        unshare = [*DIE_TOO, "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        init = [
            sys.executable,
            str(HERE / "phone_init.py"),
            str(android_root()),
            str(self._system),
            str(folder / "root"),
        ]
        self._init = subprocess.Popen([*unshare, *init], stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            wait_until(self._listens, f"the phone's adbd did not start; see {self.log}")
            self.plug_in()
        except BaseException:
            self.close()
            raise

    def set_property(self, name: str, value: str) -> None:
        """What ``getprop`` says from now on."""
        self._properties[name] = value
        (self._system / "properties").write_text("".join(f"{k}={v}\n" for k, v in self._properties.items()))

    def set_battery(self, level: int = 80, celsius: float = 30.0, powered: bool = True) -> None:
        """What ``dumpsys battery`` says from now on; level in percent."""
        lines = ["Current Battery Service state:", f"  USB powered: {str(powered).lower()}", f"  level: {level}"]
        self._say("battery", [*lines, "  scale: 100", f"  temperature: {round(celsius * 10)}"])

    def set_thermal(self, status: int = 0) -> None:
        """What ``dumpsys thermalservice`` says from now on: 0 none, 1 light … 6 shutdown."""
        self._say("thermalservice", ["IsStatusOverride: false", f"Thermal Status: {status}"])

    def set_space(self, bytes_: int) -> None:
        """The size of /data from now on."""
        self._inside("mount", "-o", f"remount,size={bytes_}", str(self._folder / "root/data"))

    def pull_cable(self) -> None:
        """adb loses the phone; what runs on the phone runs on."""
        if self._cable is not None:
            self._cable.kill()
            self._cable.wait()
            self._cable = None

    def plug_in(self, manner: Manner = "open") -> None:
        """Plugs the cable in and waits until the adb server has the phone again; with another manner, only tells it."""
        self.pull_cable()
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            descriptor = str(listener.fileno())
            program = [sys.executable, str(HERE / "cable.py"), descriptor, manner]
            enter = [*DIE_TOO, "nsenter", "--net", f"--target={self._first_process()}"]
            self._cable = subprocess.Popen([*enter, *program], pass_fds=[listener.fileno()], stderr=self._log)
        if manner == "open":
            self._server.adb("disconnect", self.serial)  # it may not have noticed yet that the old connection is dead
            self.connect()
        else:
            self._server.adb("connect", self.serial)

    def connect(self) -> None:
        """Makes the adb server look for this phone until it has it, as it does by itself for one on USB."""

        def connected() -> bool:
            self._server.adb("connect", self.serial)
            return self.state() == "device"

        wait_until(connected, f"adb does not find the phone; see {self.log}")

    def state(self) -> str:
        """As adb says it: ``device``, ``offline``, ``unauthorized``; nothing if adb does not see the phone."""
        lines = self._server.adb("devices").stdout.splitlines()[1:]
        return dict(line.split("\t") for line in lines if line).get(self.serial, "")

    def kill_adbd(self) -> None:
        """The phone's adbd dies, and Android starts another; what was started in a session of its own lives on."""
        self._inside("pkill", "-KILL", "-x", "adbd")

    def shell(self, command: str) -> str:
        """Runs a command on the phone past adb, for tests to look at what is there."""
        inside = ["env", "-i", "PATH=/system/bin:/usr/bin", "sh", "-c", command]
        return self._inside("chroot", str(self._folder / "root"), *inside)

    def close(self) -> None:
        self.pull_cable()
        self._server.adb("disconnect", self.serial)
        self._init.send_signal(signal.SIGKILL)
        self._init.wait()
        self._log.close()

    def _fill_system(self) -> None:
        (self._system / "bin").mkdir(parents=True)
        (self._system / "services").mkdir()
        for name, text in (("getprop", GETPROP), ("dumpsys", DUMPSYS)):
            (self._system / "bin" / name).write_text(text)
            (self._system / "bin" / name).chmod(0o755)
        self._properties: dict[str, str] = {}
        for name, value in PROPERTIES.items():
            self.set_property(name, value)
        self.set_battery()
        self.set_thermal()

    def _say(self, service: str, lines: list[str]) -> None:
        (self._system / "services" / service).write_text("\n".join(lines) + "\n")

    def _first_process(self) -> int:
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text().split()
        return int(children[0])

    def _inside(self, *command: str) -> str:
        enter = ["nsenter", "--net", "--mount", "--pid", f"--target={self._first_process()}"]
        return subprocess.run([*enter, *command], check=True, capture_output=True, text=True).stdout

    def _listens(self) -> bool:
        if self._init.poll() is not None:
            return False
        try:
            return ":15B3 " in Path(f"/proc/{self._first_process()}/net/tcp6").read_text()  # 5555
        except (OSError, IndexError):
            return False


class Lab:
    """An adb server and any number of phones."""

    def __init__(self, folder: Path) -> None:
        self.server = AdbServer(folder)
        self._folder = folder
        self._phones: list[Phone] = []

    def add_phone(self) -> Phone:
        folder = self._folder / f"phone-{len(self._phones)}"
        folder.mkdir()
        phone = Phone(self.server, folder)
        self._phones.append(phone)
        return phone

    def close(self) -> None:
        for phone in self._phones:
            phone.close()
        self.server.kill()


def check_machine() -> None:
    """Skips, or fails in CI, where phones cannot be had on this machine."""
    how = "apt-get install {}"
    need("unshare", how.format("util-linux"))
    need("nsenter", how.format("util-linux"))
    need("ip", how.format("iproute2"))
    need("pkill", how.format("procps"))
    allowed = shutil.which("unshare") is not None and os.geteuid() == 0
    if allowed:
        allowed = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"]).returncode == 0
    need(allowed, "phones in namespaces need root, and a container that may make namespaces (docker run --privileged)")
    android_root()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(condition: Callable[[], bool], complaint: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(complaint)
        time.sleep(0.02)
