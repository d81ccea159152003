"""iPhones from Linux, and older ones from a Mac, by go-ios (``npm install -g go-ios``, the command ``ios``).

It prints JSON: a command's result on stdout, what it has to say of it on stderr, one object a line. From iOS 17 on,
starting an app needs go-ios' tunnel, which one command keeps open for all.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gfnet_mobile.devices.ios_road import (
    APP,
    DEVELOPER,
    IMAGE,
    LOCKED,
    PAIRED,
    TUNNEL,
    Mends,
    Phone,
    Trouble,
    complaint,
    explained,
    problem,
    run,
)
from gfnet_mobile.devices.protocol import Missing
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.results import Conditions
from gfnet_mobile.wire import Disconnected

GET = "npm install -g go-ios"
MENDS: Mends = {
    PAIRED: "unlock it, tap Trust, and if it does not ask: ios pair --udid={udid}",
    IMAGE: "ios image auto --udid={udid}",
    TUNNEL: "ios tunnel start --userspace, in another terminal",
}
NEEDS_TUNNEL = 17
"""iOS"""
CONTAINER = ("fsync", f"--app={APP}")


def missing() -> list[Missing]:
    if sys.platform == "darwin" or shutil.which("ios") is not None:
        return []  # on a Mac devicectl does it, for iOS 17 and later
    return [Missing("go-ios, to start the app on iPhones", GET)]


def phones(attached: Sequence[str]) -> list[Phone]:
    return [_phone(udid) for udid in attached]


def has_app(udid: str) -> bool:
    return APP in [one.get("CFBundleIdentifier") for one in _objects(_said(udid, "apps"))]


def install(udid: str, app: Path) -> None:
    _said(udid, "install", f"--path={app}")


def uninstall(udid: str) -> None:
    _said(udid, "uninstall", APP)


def launch(udid: str, arguments: Sequence[str]) -> None:
    _said(udid, "launch", APP, "--kill-existing", *(f"--arg={one}" for one in arguments))


def stop(udid: str) -> None:
    _said(udid, "kill", APP)


def push(udid: str, source: Path, place: str) -> None:
    files = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]
    places = {file: f"{place}/{file.relative_to(source).as_posix()}" if source.is_dir() else place for file in files}
    folders = {parent for one in places.values() for parent in list(Path(one).parents)[:-2]}  # bundles/ is there
    for folder in sorted(folders):
        _tried(udid, *CONTAINER, "mkdir", f"--path=Documents/{folder.as_posix()}")  # it may be there
    for file, one in places.items():
        _said(udid, *CONTAINER, "push", f"--srcPath={file}", f"--dstPath=Documents/{one}")


def pull(udid: str, place: str, folder: Path) -> bool:
    try:
        _said(udid, *CONTAINER, "pull", f"--srcPath=Documents/{place}", f"--dstPath={folder}")
    except Disconnected:
        raise
    except UserError:
        return False
    return (folder / Path(place).name).is_file()


def conditions(udid: str) -> Conditions:
    charge, battery = (_object(_tried(udid, command)[0]) for command in ("batterycheck", "batteryregistry"))
    percent, hundredths = charge.get("BatteryCurrentCapacity"), battery.get("Temperature")
    return Conditions(
        battery_percent=percent if isinstance(percent, int | float) else None,
        battery_celsius=hundredths / 100 if isinstance(hundredths, int | float) else None,
    )


def _phone(udid: str) -> Phone:
    road = sys.modules[__name__]
    if shutil.which("ios") is None:
        return Phone(udid, road, problem=f"needs go-ios to be driven: {GET}")
    printed, wrong = _tried(udid, "info", "lockdown")
    if wrong:
        return Phone(udid, road, problem=complaint(wrong, MENDS, udid, "ios info")[1])
    facts = _object(printed)
    fields = ("ProductType", "ProductVersion", "BuildVersion", "HardwarePlatform")
    found = Phone(udid, road, *(str(facts.get(field) or "") for field in fields))
    trouble = next(_troubles(found, bool(facts.get("PasswordProtected"))), None)
    return found if trouble is None else replace(found, problem=problem(trouble, MENDS, udid))


def _troubles(phone: Phone, locked: bool) -> Iterator[Trouble]:
    """What keeps the app from being started, in the order in which it is to be mended."""
    if locked:
        yield LOCKED
    if _object(_tried(phone.udid, "devmode", "get")[0]).get("DeveloperModeEnabled") is False:
        yield DEVELOPER
    if any(line.get("msg") == "none" for line in _lines(run(_command(phone.udid, "image", "list")).stderr)):
        yield IMAGE
    if phone.major >= NEEDS_TUNNEL and phone.udid not in _tunnelled():
        yield TUNNEL


def _tunnelled() -> list[object]:
    """UDIDs of the phones that a tunnel leads to; none where no tunnel is kept open."""
    return [one.get("udid") for one in _objects(run(["ios", "tunnel", "ls"]).stdout)]


def _said(udid: str, *arguments: str) -> str:
    """What a command prints. Raises UserError if it fails."""
    printed, wrong = _tried(udid, *arguments)
    if wrong:
        raise explained(wrong, MENDS, udid, f"ios {arguments[0]}")
    return printed


def _tried(udid: str, *arguments: str) -> tuple[str, str]:
    """What a command prints, and what it complains of if it fails."""
    done = run(_command(udid, *arguments))
    if not done.returncode:
        return done.stdout, ""
    errors = [line for line in _lines(done.stderr) if str(line.get("level")).lower() in ("error", "fatal")]
    if errors:
        return "", ": ".join(str(errors[-1][part]) for part in ("msg", "err") if part in errors[-1])
    return "", " ".join(
        line for line in done.stderr.splitlines() if _json(line) is None
    ) or f"exit code {done.returncode}"


def _command(udid: str, *arguments: str) -> list[str]:
    return ["ios", *arguments, f"--udid={udid}"]


def _lines(printed: str) -> Iterator[dict[str, Any]]:
    return filter(None, map(_object, printed.splitlines()))


def _object(printed: str) -> dict[str, Any]:
    """Empty if it is none."""
    found = _json(printed)
    return found if isinstance(found, dict) else {}


def _objects(printed: str) -> list[dict[str, Any]]:
    """Empty if it is no list."""
    found = _json(printed)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _json(printed: str) -> Any:
    """None if it is none."""
    try:
        return json.loads(printed)
    except ValueError:
        return None
