"""iPhones: the bench app is started on one, bundles are copied into its documents, and the wire goes through USB.

Two roads lead there (`ios_road`), and the first that knows a phone drives it. The app must have been signed for that
phone, which only Xcode does.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep
from typing import cast

from gfnet_mobile import runtimes
from gfnet_mobile.bundle.store import MANIFEST, Bundle
from gfnet_mobile.devices import ios_usb
from gfnet_mobile.devices.bundle_files import bundle_files, folder_of
from gfnet_mobile.devices.ios_road import ABSENT, OLDEST, Phone, Road, problem
from gfnet_mobile.devices.protocol import Found, Missing
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import sha256
from gfnet_mobile.measure.results import Conditions
from gfnet_mobile.measure.results import Device as Described
from gfnet_mobile.runtimes.remote import check_target, greet
from gfnet_mobile.wire import Connection, Disconnected

ROADS = ("gfnet_mobile.devices.ios_devicectl", "gfnet_mobile.devices.ios_goios")
PORT = 5390
"""of the app's server, on the phone's loopback"""
START_S, HELLO_S = 30.0, 5.0
"""for the app to be started and to listen; for one that listens to answer: a suspended one never does"""
NOTHING = "no iPhone is plugged in; see its cable, unlock it and tap Trust (docs/devices.md)"


class IPhone:
    """See `gfnet_mobile.devices.protocol.Device`."""

    def __init__(self, phone: Phone) -> None:
        self.name = phone.name
        self._phone = phone
        self._tunnel = ios_usb.Tunnel(phone.udid, PORT)
        self._ours = False  # the app serves this command, and no other

    def connect(self) -> Connection:
        if self._phone.udid not in ios_usb.attached():
            raise Disconnected(f"{self.name} is not plugged in: see its cable")
        with suppress(Disconnected):
            return self._answering(0)
        self._ours = True
        self._phone.road.launch(self._phone.udid, ["--serve", str(PORT)])
        return self._answering(START_S)

    def described(self, server: dict[str, object]) -> Described:
        """The road's word on what the phone is, the server's on the rest."""
        known = Described.from_server(server)
        phone = self._phone
        system = f"iOS {phone.version} ({phone.build})" if phone.version else known.os
        found = {"model": phone.model or known.model, "soc": phone.soc or known.soc, "os": system}
        return known.model_copy(update=found)

    def conditions(self) -> Conditions:
        return self._phone.road.conditions(self._phone.udid)

    def copy(self, bundle: Bundle, target: str) -> list[str]:
        """Put what a server for ``target`` needs of ``bundle`` into the app's documents, and give what was copied. The
        manifest has the hashes of all files, and is the last to arrive; so the one that is there says what else is."""
        road, udid, files = self._phone.road, self._phone.udid, bundle_files(bundle, target)
        top = f"bundles/{folder_of(bundle)}"
        with tempfile.TemporaryDirectory(prefix="gfnet-") as folder:
            there = _hashes(Path(folder) / MANIFEST) if road.pull(udid, f"{top}/{MANIFEST}", Path(folder)) else {}
            stage, wanted = Path(folder) / "stage", _hashes(bundle.path(MANIFEST))
            changed = [place for place in files if there.get(inside := place.removeprefix(f"{top}/")) != wanted[inside]]
            for place in changed:
                if place != f"{top}/{MANIFEST}":
                    file = stage / place.removeprefix(f"{top}/")
                    file.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(files[place], file)
            if stage.exists():
                road.push(udid, stage, top)
            if changed:
                road.push(udid, bundle.path(MANIFEST), f"{top}/{MANIFEST}")
        return changed

    def close(self) -> None:
        """The app ended, unless it is another's; nothing leads to it any more. Files stay."""
        self._tunnel.close()
        if self._ours:
            with suppress(UserError):  # a phone that is gone cannot be tidied
                self._phone.road.stop(self._phone.udid)

    def _answering(self, patience_s: float) -> Connection:
        """A connection to a server that has said hello. Raises Disconnected if none does in time, and Refused."""
        end = monotonic() + patience_s
        while True:
            try:
                connection = self._tunnel.connect(self.name)
                try:
                    connection.ask("hello", patience_s=HELLO_S)
                    self._ours = True
                    return connection
                except BaseException:
                    connection.close()
                    raise
            except Disconnected as error:
                if monotonic() >= end:
                    reason = str(error).removeprefix(f"{self.name}: ")
                    raise Disconnected(f"{self.name}: the app does not answer: {reason}") from error
            sleep(0.1)


def discover() -> list[Found]:
    found = []
    for phone in _phones():
        model = ", ".join(part for part in (phone.model, phone.version and f"iOS {phone.version}") if part)
        found.append(Found(phone.name, model, phone.problem or _without_app(phone)))
    return found


def missing() -> list[Missing]:
    return [*ios_usb.missing(), *(lack for road in map(_road, ROADS) for lack in road.missing())]


@contextmanager
def opened(which: str, bundles: Sequence[Bundle]) -> Iterator[IPhone]:
    phone = _chosen(which)
    if phone.road.has_app(phone.udid):
        pass
    elif app := os.environ.get("GFNET_APP"):
        phone.road.install(phone.udid, _app(app))
    else:
        raise UserError(f"{phone.name} {problem(ABSENT, {}, phone.udid)}")
    device = IPhone(phone)
    try:
        with device.connect() as connection:
            target = greet(connection).target
        for bundle in bundles:
            check_target(device.name, target, bundle)
            _check_system(phone, bundle, target)
            device.copy(bundle, target)
        yield device
    finally:
        device.close()


def clean(which: str) -> str:
    """Remove all that was ever put on the phone: the app, and its documents with it. Gives its name."""
    phone = _chosen(which)
    phone.road.uninstall(phone.udid)
    return phone.name


def _road(module: str) -> Road:
    return cast(Road, import_module(module))


def _phones() -> list[Phone]:
    """One for each UDID, whatever number of roads lead to it."""
    attached, found = ios_usb.attached(), list[Phone]()
    for road in map(_road, ROADS):
        known = [phone.udid for phone in found]
        found += road.phones([udid for udid in attached if udid not in known])
    return [_checked(phone) for phone in found]


def _checked(phone: Phone) -> Phone:
    """With the problem that its iOS is too old, if it is: then nothing else is worth mending."""
    if not 0 < phone.major < OLDEST:
        return phone
    return replace(phone, problem=f"has iOS {phone.version}: the app needs iOS {OLDEST} or later")


def _chosen(udid: str) -> Phone:
    """The phone of that UDID, or the only one where it is "". Raises UserError unless it can be used."""
    if lacks := ios_usb.missing():
        raise UserError(f"{lacks[0].what}: {lacks[0].mend}")
    there = {phone.udid: phone for phone in _phones()}
    names = ", ".join(phone.name for phone in there.values())
    if not there:
        raise UserError(NOTHING)
    if not udid:
        usable = [name for name, phone in there.items() if not phone.problem]
        if len(there) > 1 and len(usable) != 1:
            raise UserError(f"{len(there)} iPhones are plugged in; choose one: --device {names}")
        udid = (usable or list(there))[0]
    if udid not in there:
        raise UserError(f"no iPhone ios:{udid} is plugged in; there are {names}")
    if there[udid].problem:
        raise UserError(f"{there[udid].name} {there[udid].problem}")
    return there[udid]


def _without_app(phone: Phone) -> str:
    """That it has no bench app, or why that cannot be said; "" if it has."""
    try:
        return "" if phone.road.has_app(phone.udid) else problem(ABSENT, {}, phone.udid)
    except UserError as error:
        return str(error).removeprefix(f"{phone.name} ")


def _app(path: str) -> Path:
    app = Path(path)
    if app.suffix not in (".app", ".ipa") or not app.exists():
        raise UserError(f"GFNET_APP={path}: no GFNetBench.app or .ipa (docs/devices.md#the-app-on-the-phone)")
    return app


def _check_system(phone: Phone, bundle: Bundle, target: str) -> None:
    """Raises UserError where a graph is for a later iOS than the phone's, as far as this machine can read it."""
    if target != "coreml" or not phone.major or runtimes.unavailable(target):
        return
    from gfnet_mobile.mlprogram.anatomy import SYSTEMS
    from gfnet_mobile.mlprogram.package import open_package

    for path in dict.fromkeys(graph.path for graph in bundle.target(target).graphs.values()):
        system = SYSTEMS.get(open_package(bundle.path(path)).model.specificationVersion, "iOS 0")
        if int(system.removeprefix("iOS ")) > phone.major:
            raise UserError(
                f"{phone.name} has iOS {phone.version}; {bundle.folder}: {path} is for {system} and later: export with "
                f"--ios {phone.major}"
            )


def _hashes(manifest: Path) -> dict[str, str]:
    """Place in a bundle → SHA-256, from its manifest, and that file's own; empty if it is none, or was cut off."""
    try:
        files = json.loads(manifest.read_bytes())["files"]
        return {name: entry["sha256"] for name, entry in files.items()} | {MANIFEST: sha256(manifest)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
