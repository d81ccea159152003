"""adb, by adbutils: which phones are plugged in, and commands in a phone's shell. Every failure is one line."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gfnet_mobile.errors import UserError, one_line
from gfnet_mobile.wire import Disconnected

if TYPE_CHECKING:
    from adbutils import AdbClient, AdbDevice

START_S = 20.0
SHELL_S = 60.0
"""the longest command is hashing some hundred megabytes"""
SETTLE_S = 5.0

NOTHING = "no Android device is plugged in; see that USB debugging is on (docs/devices.md)"
STATES = {
    "unauthorized": "unlock it and allow USB debugging for this computer",
    "authorizing": "unlock it and allow USB debugging for this computer",
    "offline": "unplug it and plug it in again",
    "no": "this user may not talk to it over USB: install udev rules (Debian: android-sdk-platform-tools-common)",
    "bootloader": "start Android on it",
    "recovery": "start Android on it",
    "sideload": "start Android on it",
}
"""adb's state, its first word → how to mend it"""


def client() -> "AdbClient":
    """adb's server on this machine, started if it does not run. Raises UserError where there is no adb."""
    try:
        from adbutils import AdbClient, adb_path
    except ImportError as error:
        raise UserError("Android devices need adbutils: pip install 'gfnet-mobile[android]'") from error
    with explained("adb", UserError):  # adbutils would start it too, and let it talk on our stderr
        subprocess.run([adb_path(), "start-server"], capture_output=True, timeout=START_S, check=True)
        found = AdbClient()
        found.server_version()
    return found


def states(adb: "AdbClient") -> dict[str, str]:
    """Serial → adb's state, of all that is plugged in."""
    with explained("adb", UserError):
        return {info.serial: info.state for info in adb.list()}


def problem_of(state: str) -> str:
    """Why a device in this state cannot be used and how to mend it; "" if it can."""
    if state == "device":
        return ""
    name = "without permission" if state == "no" else state
    return f"is {name}: {STATES.get(state, 'unplug it and plug it in again')}"


def chosen(adb: "AdbClient", serial: str) -> "AdbDevice":
    """The device of that serial, or the only one where it is "". Raises UserError unless it can be used."""
    there = states(adb)
    if not serial:
        usable = [name for name, state in there.items() if state == "device"]
        if len(there) > 1 and len(usable) != 1:
            names = ", ".join(f"android:{name}" for name in there)
            raise UserError(f"{len(there)} Android devices are plugged in; choose one: --device {names}")
        serial = (usable or list(there) or [""])[0]
    if not serial:
        raise UserError(NOTHING)
    if serial not in there:
        names = ", ".join(f"android:{name}" for name in there)
        raise UserError(f"no device android:{serial} is plugged in; " + (f"there are {names}" if names else NOTHING))
    if problem := problem_of(_settled(adb, serial, there[serial])):
        raise UserError(f"android:{serial} {problem}")
    return adb.device(serial)


def _settled(adb: "AdbClient", serial: str, state: str) -> str:
    """A phone that has just been plugged in is offline for a moment."""
    patience = time.monotonic() + SETTLE_S
    while state == "offline" and time.monotonic() < patience:
        time.sleep(0.1)
        state = states(adb).get(serial, state)
    return state


def shell(device: "AdbDevice", command: str) -> str:
    """What ``command`` prints. Raises UserError if it fails, and Disconnected if the device has gone."""
    code, output = tried(device, command)
    if code:
        raise UserError(f"android:{device.serial}: a command failed there: {command}: {one_line(output) or code}")
    return output


def tried(device: "AdbDevice", command: str) -> tuple[int, str]:
    """Exit code, and what was printed on stdout and stderr."""
    with explained(f"android:{device.serial}"):
        found = device.shell2(command, timeout=SHELL_S, v2=True, rstrip=True)
    return found.returncode, found.output


@contextmanager
def explained(where: str, kind: type[UserError] = Disconnected) -> Iterator[None]:
    """adbutils' errors, and those of its sockets, as one line."""
    from adbutils import AdbError

    try:
        yield
    except (AdbError, OSError, EOFError, AssertionError, ValueError, subprocess.SubprocessError) as error:
        said = error.stderr.decode(errors="replace") if isinstance(error, subprocess.CalledProcessError) else str(error)
        reason = one_line(said) or type(error).__name__
        if where == "adb":
            port = os.environ.get("ANDROID_ADB_SERVER_PORT", "5037")
            hint = f"install it (Debian: apt install adb), or see who uses port {port}: adb kill-server"
            raise kind(f"adb does not work ({reason}): {hint}") from error
        raise kind(f"{where}: the device does not answer adb ({reason}); see its cable, and adb devices") from error
