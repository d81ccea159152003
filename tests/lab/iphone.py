"""iPhones without iPhones: usbmuxd's stand-in, and ``ios`` or ``xcrun`` on the PATH that do on folders of this machine
what go-ios and devicectl do on phones, and say what those say. ``iproxy`` and ``idevice_id`` are the real ones.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import iphone_app
from lab.needs import need
from lab.usbmuxd import Usbmuxd

HERE = Path(__file__).parent
FOLDER = "LAB_IPHONES"
"""environment variable: where the phones' folders are"""

READY: dict[str, Any] = {
    "product": "iPhone15,3",
    "marketing": "iPhone 14 Pro Max",
    "soc": "t8120",
    "version": "17.4.1",
    "build": "21E236",
    "plugged": True,
    "wifi": False,
    "paired": True,
    "locked": False,
    "developer": True,
    "image": True,
    "tunnel": True,
    "installed": True,
    "trusted": True,
    "battery": 80,
    "celsius": 30.0,
}
"""what a phone is and what was done to it"""


class IPhone:
    """One phone: a folder that the stand-ins read."""

    def __init__(self, usbmuxd: Usbmuxd, folder: Path, udid: str, app: Sequence[str]) -> None:
        self.udid = udid
        self.name = f"ios:{udid}"
        self.documents = folder / "container" / "Documents"
        self._usbmuxd, self._folder = usbmuxd, folder
        self._state = {**READY, "udid": udid, "app": list(app)}
        self.set()
        self.plug_in()

    def set(self, **changes: Any) -> None:
        """What holds of the phone from now on; see `READY`."""
        self._state |= changes
        (self._folder / "new").write_text(json.dumps(self._state))
        os.replace(self._folder / "new", self._folder / "phone.json")

    def pull(self) -> None:
        """The cable is pulled; the app goes on."""
        self.set(plugged=False)
        self._usbmuxd.pull(self.udid)

    def plug_in(self) -> None:
        self.set(plugged=True)
        self._usbmuxd.plug_in(self.udid, lambda asked: iphone_app.port(self._folder, asked))

    def end_app(self) -> bool:
        """The app dies, as if the phone had needed its memory."""
        return iphone_app.stop(self._folder)

    def runs_app(self) -> bool:
        return (self._folder / "app.json").exists()


class Lab:
    """usbmuxd and any number of phones."""

    def __init__(self, folder: Path) -> None:
        self.usbmuxd = Usbmuxd()
        self.tools = folder / "tools"
        """a folder for the PATH"""
        self.phones: list[IPhone] = []
        self._folder = folder / "phones"
        self._folder.mkdir()
        self.tools.mkdir()
        self.environment = {
            "USBMUXD_SOCKET_ADDRESS": self.usbmuxd.address,
            FOLDER: str(self._folder),
        }

    def add_tool(self, name: str) -> None:
        """``ios`` or ``xcrun``."""
        script = {"ios": "go_ios.py", "xcrun": "devicectl.py"}[name]
        (self.tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / script}" "$@"\n')
        (self.tools / name).chmod(0o755)

    def add_phone(self, app: Sequence[str], **state: Any) -> IPhone:
        """``app``: the command line of a server, to be followed by ``serve`` and its options."""
        number = len(self.phones)
        folder = self._folder / str(number)
        folder.mkdir()
        phone = IPhone(self.usbmuxd, folder, f"00008120-{number:016X}", app)
        phone.set(**state)
        self.phones.append(phone)
        return phone

    def close(self) -> None:
        for phone in self.phones:
            phone.end_app()
        self.usbmuxd.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def check_machine() -> None:
    """Skips, or fails in CI, where the real tools are missing."""
    need("iproxy", "apt-get install libusbmuxd-tools")
    need("idevice_id", "apt-get install libimobiledevice-utils")


def states() -> dict[Path, dict[str, Any]]:
    """Folder → state, of all phones; for the stand-ins."""
    files = sorted(Path(os.environ[FOLDER]).glob("*/phone.json"))
    return {file.parent: json.loads(file.read_text()) for file in files}
