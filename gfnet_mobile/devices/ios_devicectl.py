"""iPhones on a Mac, by Xcode's ``xcrun devicectl`` (Xcode 15 and later, iOS 17 and later).

Its results are JSON, read from the file that it is given (``--json-output``): what it prints is for people, and
changes. It mounts the developer image by itself.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gfnet_mobile.devices.ios_road import APP, DEVELOPER, IMAGE, PAIRED, Mends, Phone, explained, problem, run
from gfnet_mobile.devices.protocol import Missing
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.results import Conditions
from gfnet_mobile.wire import Disconnected

Json = dict[str, Any]

LIST_S = "5"
"""devicectl takes no less"""
MENDS: Mends = {
    PAIRED: "unlock it, tap Trust, and if it does not ask: xcrun devicectl manage pair --device {udid}",
    IMAGE: "with the phone unlocked, open Xcode › Window › Devices and Simulators, and choose it",
}
EXECUTABLE = "/GFNetBench.app/GFNetBench"
CONTAINER = ("--domain-type", "appDataContainer", "--domain-identifier", APP)


def missing() -> list[Missing]:
    if sys.platform != "darwin" or _is_there():
        return []
    return [Missing("xcrun, to start the app on iPhones", "install Xcode 15 or later, then xcode-select --install")]


def phones(attached: Sequence[str]) -> list[Phone]:
    if not _is_there():
        return []
    try:
        devices = _objects(_result(["list", "devices", "--timeout", LIST_S], ""), "devices")
    except UserError:  # an Xcode without devicectl, or one that is not set up
        return []
    return [found for one in devices if (found := _phone(one, attached)) is not None]


def has_app(udid: str) -> bool:
    found = _result(["device", "info", "apps", "--device", udid, "--bundle-id", APP], udid)
    return APP in [one.get("bundleIdentifier") for one in _objects(found, "apps")]


def install(udid: str, app: Path) -> None:
    _result(["device", "install", "app", "--device", udid, str(app)], udid)


def uninstall(udid: str) -> None:
    _result(["device", "uninstall", "app", "--device", udid, APP], udid)


def launch(udid: str, arguments: Sequence[str]) -> None:
    # --terminate-existing: one that runs may serve nobody, with other arguments
    _result(["device", "process", "launch", "--device", udid, "--terminate-existing", APP, *arguments], udid)


def stop(udid: str) -> None:
    found = _result(["device", "info", "processes", "--device", udid], udid)
    for one in _objects(found, "runningProcesses"):
        if str(one.get("executable", "")).endswith(EXECUTABLE):
            number = str(one.get("processIdentifier"))
            _result(["device", "process", "terminate", "--device", udid, "--pid", number], udid)


def push(udid: str, source: Path, place: str) -> None:
    to = ["--source", str(source), "--destination", f"Documents/{place}"]
    _result(["device", "copy", "to", "--device", udid, *CONTAINER, *to], udid)


def pull(udid: str, place: str, folder: Path) -> bool:
    file = folder / Path(place).name
    to = ["--source", f"Documents/{place}", "--destination", str(file)]
    try:
        _result(["device", "copy", "from", "--device", udid, *CONTAINER, *to], udid)
    except Disconnected:
        raise
    except UserError:
        return False
    return file.is_file()


def conditions(udid: str) -> Conditions:
    return Conditions()  # devicectl tells of no battery


def _is_there() -> bool:
    return shutil.which("xcrun") is not None


def _phone(said: Json, attached: Sequence[str]) -> Phone | None:
    """None for all that is no iPhone or iPad on this Mac's USB: watches, simulators, what was paired once."""
    hardware, properties, connection = (
        _dict(said.get(f"{part}Properties")) for part in ("hardware", "device", "connection")
    )
    udid = hardware.get("udid")
    if hardware.get("platform") != "iOS" or hardware.get("reality", "physical") != "physical" or not udid:
        return None  # a phone with iOS 16 or earlier has no UDID here; go-ios knows it
    transport = connection.get("transportType")
    if transport is None and udid not in attached:
        return None
    wrong = ""
    if connection.get("pairingState", "paired") != "paired":
        wrong = problem(PAIRED, MENDS, udid)
    elif properties.get("developerModeStatus") == "disabled":
        wrong = problem(DEVELOPER, MENDS, udid)
    elif transport == "localNetwork" and udid not in attached:
        wrong = "is connected by Wi-Fi only: plug it in"
    return Phone(
        udid,
        sys.modules[__name__],
        model=str(hardware.get("productType", "")),
        version=str(properties.get("osVersionNumber", "")),
        build=str(properties.get("osBuildUpdate", "")),
        problem=wrong,
    )


def _result(arguments: Sequence[str], udid: str) -> Json:
    """``result`` of what a command writes. Raises UserError if it fails."""
    tool = f"devicectl {' '.join(arguments[:3])}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.json"
        # before the arguments: what follows an app's ID is the app's
        done = run(["xcrun", "devicectl", "--json-output", str(file), *arguments])
        try:
            said = _dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            said = {}
    if "error" in said or done.returncode:
        raise explained("; ".join(_texts(_dict(said.get("error")))) or done.stderr, MENDS, udid, tool)
    if _dict(said.get("info")).get("outcome") != "success":
        raise UserError(f"{tool}: a result of another form than is known here; update gfnet-mobile or Xcode")
    return _dict(said.get("result"))


def _texts(error: Json) -> Iterator[str]:
    """What an error, and those that led to it, say: an NSError as devicectl writes it, values under the names of their
    types."""
    information = _dict(error.get("userInfo"))
    yield from (f"{name} = {_dict(value)['string']}" for name, value in information.items() if "string" in _dict(value))
    yield f"{error.get('domain')} error {error.get('code')}" if error else ""
    for value in information.values():
        if "error" in _dict(value):
            yield from _texts(_dict(value["error"]))


def _objects(result: Json, name: str) -> list[Json]:
    found = result.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
