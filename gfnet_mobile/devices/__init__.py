"""Devices by kind. ``--device`` names one as ``KIND:WHICH``, or ``KIND`` alone where one is plugged in."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import cast

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.devices.protocol import Device, Found, Kind
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session
from gfnet_mobile.runtimes.remote import RemoteRuntime

KINDS = {
    "android": "gfnet_mobile.devices.android",
    "ios": "gfnet_mobile.devices.ios",
    "tcp": "gfnet_mobile.devices.tcp",
}
"""kind → module; see `gfnet_mobile.devices.protocol.Kind`"""


def kind_of(name: str) -> tuple[Kind, str]:
    """The module of a device's kind, and which one it is. Raises UserError for an unknown kind."""
    kind, _, which = name.partition(":")
    if kind not in KINDS:
        raise UserError(
            f"--device {name}: no such kind of device; there are {', '.join(KINDS)} (android:SERIAL, ios:UDID)"
        )
    return cast(Kind, import_module(KINDS[kind])), which


def refuse_target(target: str | Sequence[str] | None) -> None:
    """Raises UserError where a command was given a target beside a device."""
    if target is not None and target != []:
        raise UserError("--target: a device runs one, its server's; leave it out")


def opened(name: str, bundles: Sequence[Bundle]) -> AbstractContextManager[Device]:
    """A device with ``bundles`` on it and a server that runs."""
    kind, which = kind_of(name)
    return kind.opened(which, bundles)


def discover() -> list[Found]:
    """What is plugged in, of any kind."""
    return [found for kind in KINDS for found in kind_of(kind)[0].discover()]


def clean(name: str) -> str:
    """Remove all that was ever put on a device. Gives its full name."""
    kind, which = kind_of(name)
    return kind.clean(which)


@contextmanager
def session_on(name: str, bundle: Bundle, threads: int = 1) -> Iterator[Session]:
    """A session whose graphs run on a device, one call after the other over the wire. Its runtime is a
    `RemoteRuntime`."""
    with opened(name, [bundle]) as device, device.connect() as connection:
        runtime = RemoteRuntime(connection, bundle, threads)
        with Session(bundle, runtime.target, runtime=runtime) as session:
            yield session
