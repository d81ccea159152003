"""A server that somebody else started: ``tcp:127.0.0.1:PORT``. Nothing is copied to it, and of its device only what it
says itself is known."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.devices.protocol import Found, Missing
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.results import Conditions
from gfnet_mobile.measure.results import Device as Described
from gfnet_mobile.wire import Connection, connect


@dataclass(frozen=True)
class Tcp:
    """See `gfnet_mobile.devices.protocol.Device`."""

    name: str
    host: str
    port: int

    def connect(self) -> Connection:
        return connect(self.host, self.port, self.name)

    def described(self, server: dict[str, object]) -> Described:
        return Described.from_server(server)

    def conditions(self) -> Conditions:
        return Conditions()


def discover() -> list[Found]:
    return []  # a port says nothing of what listens there


def missing() -> list[Missing]:
    return []


@contextmanager
def opened(which: str, bundles: Sequence[Bundle]) -> Iterator[Tcp]:
    host, _, port = which.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"--device tcp:{which}: must be tcp:HOST:PORT, such as tcp:127.0.0.1:7001")
    yield Tcp(f"tcp:{which}", host, int(port))


def clean(which: str) -> str:
    raise UserError(f"tcp:{which}: nothing was put on it; whoever started its server knows its folders")
