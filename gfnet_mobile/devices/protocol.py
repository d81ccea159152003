"""What a kind of device is to the rest. A new kind is one file and one line in ``devices/__init__.py``.

Its module has `Kind`'s functions; what ``opened`` gives has `Device`'s.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.measure.results import Conditions
from gfnet_mobile.measure.results import Device as Described
from gfnet_mobile.wire import Connection


@dataclass(frozen=True)
class Found:
    """A device that is plugged in, or would be if something were mended."""

    name: str
    """``android:SERIAL``: what ``--device`` takes"""
    model: str
    problem: str
    """why it cannot be used and how to mend it; "" if it can"""


@dataclass(frozen=True)
class Missing:
    """Something that this machine lacks."""

    what: str
    """and what it is for"""
    mend: str
    """the command to type, or what to do"""


class Device(Protocol):
    """A device with a server on it, held for one command. It is left as it was when its context ends, save for files
    that spare the next command a copy."""

    name: str

    def connect(self) -> Connection:
        """A new connection to its server, which is started again if it has gone. Raises
        `gfnet_mobile.wire.Disconnected` if neither works."""

    def described(self, server: dict[str, object]) -> Described:
        """The device; ``server`` is what its server says of it."""

    def conditions(self) -> Conditions:
        """Its heat and its battery at this moment, as far as it tells."""


class Kind(Protocol):
    """The module of a kind of device."""

    def discover(self) -> list[Found]:
        """What is plugged in; nothing, where the kind's tools are not there."""

    def missing(self) -> list[Missing]:
        """What this machine, or a device that is plugged in, lacks for this kind."""

    def opened(self, which: str, bundles: Sequence[Bundle]) -> AbstractContextManager[Device]:
        """Put ``bundles`` on the device ``which`` (what follows the kind in its name, "" for the only one), and start
        a server. Raises UserError for all that prevents it."""

    def clean(self, which: str) -> str:
        """Remove all that was ever put on the device; gives its full name."""
