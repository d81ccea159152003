"""A device as a runtime: its server keeps the registers and runs the graphs, stepwise, over the wire.

Calls are put in a queue and made in one round trip, when the host reads. A buffer of the host's is a register of the
server's; it crosses the wire when the host wrote it or asks to read it, and at no other time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gfnet_mobile.bundle.manifest import CROP
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes.protocol import Buffers
from gfnet_mobile.wire import PROTOCOL, Connection

Array = NDArray[Any]


@dataclass(frozen=True)
class Trip:
    """One round trip."""

    sent: int
    """bytes"""
    received: int
    device_ms: tuple[tuple[str, float], ...]
    """each call that was made: its graph, and milliseconds on the device's clock, the wire not counted"""


@dataclass(frozen=True)
class Server:
    """What a server says of itself."""

    target: str
    runtime: str
    runtime_version: str
    bundles: dict[str, str]
    """name → bundle_id"""
    device: dict[str, Any]
    compute_units: tuple[str, ...]
    """what it can be asked to compute on, by the manifest's names"""
    conditions: dict[str, Any]
    """how warm the device is now, if the server says so; members as in a result's"""


def greet(connection: Connection) -> Server:
    """Raises UserError unless the server speaks this protocol."""
    said = connection.ask("hello").result
    try:
        server = Server(
            said["target"],
            said["runtime"],
            said["runtime_version"],
            dict(said["bundles"]),
            dict(said["device"]),
            tuple(said["compute_units"]),
            dict(said.get("conditions", {})),
        )
        spoken = [str(version) for version in said["protocol"]]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{connection.where}: its hello lacks {error}; update the server") from error
    if PROTOCOL not in spoken:
        raise UserError(f"{connection.where}: speaks protocol {', '.join(spoken)}, not {PROTOCOL}; update the server")
    return server


def check_target(where: str, target: str, bundle: Bundle) -> None:
    """Raises UserError where ``bundle`` was not exported for what a device runs."""
    if target not in bundle.manifest.targets:
        has, command = ", ".join(bundle.manifest.targets), f"gfnet-mobile export … --target {target}"
        raise UserError(f"{where} runs {target}; {bundle.folder} has {has} only: {command}")


def name_on(server: Server, bundle: Bundle, where: str) -> str:
    """What the server calls ``bundle``. Raises UserError where it has none of this identity, or cannot run it."""
    check_target(where, server.target, bundle)
    names = [name for name, identity in server.bundles.items() if identity == bundle.manifest.bundle_id]
    if not names:
        has = ", ".join(server.bundles) or "none"
        raise UserError(f"{where}: has no such bundle (it has {has}); copy {bundle.folder} into its --bundles folder")
    return bundle.folder.name if bundle.folder.name in names else names[0]


def check_units(server: Server, units: str | None, where: str) -> None:
    """Raises UserError where the server cannot compute on ``units``; None is what it would do unasked."""
    if units is not None and units not in server.compute_units:
        raise UserError(f"{where}: computes on {', '.join(server.compute_units)}, not on {units}")


def load(connection: Connection, server: Server, bundle: Bundle, threads: int, units: str | None = None) -> None:
    """Make the server load ``bundle``, to compute on ``units`` or else where the manifest suggests. Raises UserError
    where it cannot."""
    where = connection.where
    name = name_on(server, bundle, where)
    check_units(server, units, where)
    asked: dict[str, Any] = {"bundle": name, "threads": threads}
    if units is not None and len(server.compute_units) > 1:  # servers without a choice do not know the argument
        asked["compute_units"] = units
    if connection.ask("load", asked).result.get("bundle_id") != bundle.manifest.bundle_id:
        raise UserError(f"{where}: {name} changed while it was loaded; copy {bundle.folder} there again")


class RemoteRuntime:
    """See `gfnet_mobile.runtimes.protocol.Runtime`. The connection is the caller's, and stays open."""

    def __init__(self, connection: Connection, bundle: Bundle, threads: int = 1) -> None:
        server = greet(connection)
        self.name, self.version, self.target = server.runtime, server.runtime_version, server.target
        self.last = Trip(0, 0, ())
        """the latest round trip"""
        self._connection = connection
        self._names: dict[int, str] = {}
        self._buffers: list[Array] = []  # so that no other array gets the id of one that was freed
        self._held: set[str] = set()  # registers that the server has
        self._there: set[str] = set()  # those, and what it will have once the queue is made
        self._newer: set[str] = set()  # those that calls have written since they were read
        self._wrote: dict[str, Array] = {}
        self._calls: list[dict[str, Any]] = []
        load(connection, server, bundle, threads)

    def bind(self, graph: str, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        call = {
            "graph": graph,
            "inputs": {tensor: self._register(buffer) for tensor, buffer in inputs.items()},
            "outputs": {tensor: self._register(buffer) for tensor, buffer in outputs.items()},
        }
        return partial(self._queue, call, list(inputs.values()))

    def crop(self, image: Array, position: Array, patch: Array) -> Callable[[], None]:
        call = {
            "graph": CROP,
            "inputs": {"image": self._register(image), "position": self._register(position)},
            "outputs": {"patch": self._register(patch)},
        }
        # the server takes the patch's size from its register, so that it must be there as if it were read
        return partial(self._queue, call, [image, position, patch])

    def wrote(self, buffer: Array) -> None:
        name = self._register(buffer)
        if any(name in (*call["inputs"].values(), *call["outputs"].values()) for call in self._calls):
            self.read()  # what is in the queue is about what it held before
        self._wrote[name] = buffer.copy()
        self._there.add(name)
        self._newer.discard(name)

    def read(self, *buffers: Array) -> None:
        wanted = {name: buffer for buffer in buffers if (name := self._register(buffer)) in self._newer}
        if not (wanted or self._calls or self._wrote):
            return
        zero = [name for name, held in self._wrote.items() if name in self._held and not held.view(np.uint8).any()]
        tensors = {name: held for name, held in self._wrote.items() if name not in zero}
        calls, self._calls, self._wrote = self._calls, [], {}
        before = self._connection.sent, self._connection.received
        asked = {"calls": calls, "zero": zero, "return": list(wanted)}
        answer = self._connection.ask("run", {key: value for key, value in asked.items() if value}, tensors)
        self._held |= self._there
        for name, buffer in wanted.items():
            found = answer.tensors.get(name)
            if found is None or found.shape != buffer.shape or found.dtype != buffer.dtype:
                raise UserError(
                    f"{self._connection.where}: gave back no {buffer.dtype} {list(buffer.shape)}; update it"
                )
            np.copyto(buffer, found)
        self._newer -= set(wanted)
        times = zip((call["graph"] for call in calls), answer.result.get("ms", ()), strict=False)
        sent, received = self._connection.sent - before[0], self._connection.received - before[1]
        self.last = Trip(sent, received, tuple(times))

    def close(self) -> None:
        self._calls, self._wrote = [], {}

    def _register(self, buffer: Array) -> str:
        if id(buffer) not in self._names:
            self._names[id(buffer)] = f"r{len(self._buffers)}"
            self._buffers.append(buffer)
        return self._names[id(buffer)]

    def _queue(self, call: dict[str, Any], reads: list[Array]) -> None:
        for buffer in reads:
            if self._register(buffer) not in self._there:
                self.wrote(buffer)
        self._calls.append(call)
        writes = call["outputs"].values()
        self._newer.update(writes)
        self._there.update(writes)
