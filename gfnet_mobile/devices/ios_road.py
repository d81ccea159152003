"""What the ways to an iPhone have in common. A *road* is a tool that drives it: Xcode's ``devicectl`` on a Mac, go-ios
anywhere. Both end in the same services on the phone, so what those complain of is told here, and how to mend it.

The road brings the app and files there and starts the app; the wire always goes through USB (`ios_usb`), since
devicectl leads no ports to a phone.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gfnet_mobile.devices.protocol import Missing
from gfnet_mobile.errors import UserError, one_line
from gfnet_mobile.measure.results import Conditions
from gfnet_mobile.wire import Disconnected

APP = "org.gfnet.GFNetBench"
"""bundle ID of the app in ``ios_bench/App``"""
OLDEST = 16
"""iOS that the app is built for"""
PATIENCE_S = 300.0
"""for one command; the first on a phone may mount a developer image, and files may be large"""


@dataclass(frozen=True)
class Phone:
    """An iPhone that a road knows. Texts are "" where the phone does not tell."""

    udid: str
    road: "Road"
    model: str = ""
    """``iPhone15,3``"""
    version: str = ""
    """of iOS, ``17.4.1``"""
    build: str = ""
    soc: str = ""
    problem: str = ""
    """why it cannot be used and how to mend it"""

    @property
    def name(self) -> str:
        return f"ios:{self.udid}"

    @property
    def major(self) -> int:
        """0 if it is not known."""
        first = self.version.partition(".")[0]
        return int(first) if first.isdecimal() else 0


class Road(Protocol):
    """A module that drives phones. Places are below the app's ``Documents``. All raise UserError, and Disconnected
    where the phone has gone."""

    def missing(self) -> list[Missing]:
        """What this machine lacks for it; nothing, on a system that the road is not for."""

    def phones(self, attached: Sequence[str]) -> list[Phone]:
        """Those that it can drive, or could if something were mended. ``attached``: UDIDs on USB, to be looked at."""

    def has_app(self, udid: str) -> bool: ...

    def install(self, udid: str, app: Path) -> None: ...

    def uninstall(self, udid: str) -> None:
        """The app, and all that it kept."""

    def launch(self, udid: str, arguments: Sequence[str]) -> None:
        """Start the app anew."""

    def stop(self, udid: str) -> None:
        """End the app if it runs."""

    def push(self, udid: str, source: Path, place: str) -> None:
        """A file, or what is in a folder. ``bundles`` is there once the app has run."""

    def pull(self, udid: str, place: str, folder: Path) -> bool:
        """A file, into ``folder`` under its own name; False if it is not there."""

    def conditions(self, udid: str) -> Conditions: ...


@dataclass(frozen=True)
class Trouble:
    """Something that phones complain of."""

    what: str
    sign: str
    """regular expression: how tools say it"""
    mend: str = ""
    """"" where it depends on the road"""


LOCKED = Trouble(
    "is locked",
    r"could not be, unlocked|BSErrorCodeDescription = Locked|device is locked|DeviceLocked",
    "unlock it, and leave its screen on",
)
DEVELOPER = Trouble(
    "has Developer Mode off",
    r"Developer Mode is (disabled|not enabled)",
    "turn it on in Settings › Privacy & Security › Developer Mode; the phone restarts",
)
PAIRED = Trouble(
    "is not paired with this computer",
    r"must be paired|is the device paired|not paired|InvalidHostID|PairingDialogResponsePending|UserDeniedPairing",
)
TUNNEL = Trouble("has no tunnel of go-ios", r"ios tunnel start|tunnel not running")
SIGNED = Trouble(
    "does not accept how the app is signed",
    r"code signature|explicitly trusted|provisioning profile|0xe8008\w+|ApplicationVerificationFailed",
    "sign it with a team whose profile has this phone, and trust it in Settings › General › VPN & Device Management "
    "(docs/devices.md#the-app-on-the-phone)",
)
ABSENT = Trouble(
    "has no bench app",
    r"error -10814|InstallationLookupFailed|is not installed|unknown to FrontBoard",
    "GFNET_APP=PATH/GFNetBench.app installs it; it is built and signed once on a Mac "
    "(docs/devices.md#the-app-on-the-phone)",
)
IMAGE = Trouble(
    "has no developer image mounted",
    r"disk image could not be mounted|Image must be mounted|mounted the Developer Image|InvalidService",
)
GONE = Trouble(
    "is not plugged in",
    r"device was not found|not found. Is it attached|no iOS devices are attached|device disconnected|error 4000",
    "see its cable",
)
TROUBLES = (LOCKED, DEVELOPER, PAIRED, TUNNEL, SIGNED, ABSENT, IMAGE, GONE)
"""the first whose sign is found is it: what comes later can follow from what comes before"""

Mends = Mapping[Trouble, str]
"""a road's own"""


def problem(trouble: Trouble, mends: Mends, udid: str) -> str:
    """What is wrong with a phone, and what to do."""
    return f"{trouble.what}: {mends.get(trouble, trouble.mend).format(udid=udid)}"


def complaint(said: str, mends: Mends, udid: str, tool: str) -> tuple[Trouble | None, str]:
    """What a tool's words come to."""
    for trouble in TROUBLES:
        if re.search(trouble.sign, said, re.IGNORECASE):
            return trouble, problem(trouble, mends, udid)
    return None, f"cannot be driven: {tool} failed: {one_line(said)[:300] or 'it says nothing'}"


def explained(said: str, mends: Mends, udid: str, tool: str) -> UserError:
    """The same as an error, for a phone that is not what is asked about but used."""
    trouble, wrong = complaint(said, mends, udid, tool)
    return (Disconnected if trouble is GONE else UserError)(f"ios:{udid} {wrong}")


def run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """What a tool prints and how it ends. Raises UserError if it cannot be started or does not end."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{command[0]}: did not end within {PATIENCE_S:.0f} s; unplug the phone, plug it in") from error
    except OSError as error:
        raise UserError(f"{command[0]}: cannot be run ({(error.strerror or str(error)).lower()})") from error
