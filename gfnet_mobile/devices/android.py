"""Android phones, over adb: the runner and bundles are pushed, a server started, its port forwarded.

The server outlives the shell that starts it: after a disconnect it is still there, with what it measured. A later
command finds one that was left behind by the file with its process number.
"""

import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from android_bench import ABIS, PROGRAM, START, runner
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.devices import android_facts
from gfnet_mobile.devices.android_adb import chosen, client, explained, problem_of, shell, states, tried
from gfnet_mobile.devices.android_push import FOLDER, push, runner_files
from gfnet_mobile.devices.bundle_files import bundle_files
from gfnet_mobile.devices.protocol import Found, Missing
from gfnet_mobile.errors import UserError, one_line
from gfnet_mobile.measure.results import Conditions
from gfnet_mobile.measure.results import Device as Described
from gfnet_mobile.runtimes.remote import check_target
from gfnet_mobile.wire import Connection, Disconnected, Refused, connect

if TYPE_CHECKING:
    from adbutils import AdbClient, AdbDevice

TARGET = "executorch"
"""what the runner runs"""
OLDEST = 26
"""API level, Android 8: what the runner is built for"""
START_S = 20.0

PID, PORT, LOG = (f"{FOLDER}/server.{name}" for name in ("pid", "out", "log"))
ALIVE = f"grep -q {FOLDER}/bundles /proc/$(cat {PID})/cmdline"
"""is true if the process of that number is our server, not whatever got the number since the phone was started again"""


class Android:
    """See `gfnet_mobile.devices.protocol.Device`."""

    def __init__(self, adb: "AdbClient", device: "AdbDevice", facts: android_facts.Facts) -> None:
        self.name = f"android:{device.serial}"
        self._adb, self._device, self._facts = adb, device, facts
        self._local: int | None = None
        self._made = False  # the forward is this command's

    def connect(self) -> Connection:
        if problem := problem_of(states(self._adb).get(str(self._device.serial), "gone")):
            raise Disconnected(f"{self.name} {problem}")
        if not _runs(self._device):
            _start(self._device)
        local = self._forwarded(_port(self._device))
        return connect("127.0.0.1", local, self.name)

    def described(self, server: dict[str, object]) -> Described:
        return android_facts.described(self._facts, Described.from_server(server))

    def conditions(self) -> Conditions:
        return android_facts.conditions(self._device)

    def close(self) -> None:
        """The server stopped, the forward gone; the files stay."""
        with suppress(Disconnected):  # a device that is gone cannot be tidied, and has no forward any more
            self._unforward()
            _stop(self._device)

    def stop_idle(self) -> None:
        """End a server that an earlier command left behind, and its forward. Raises Refused if one serves another
        client."""
        if not _runs(self._device):
            return
        try:
            with self.connect() as connection:
                connection.ask("hello")
        except Refused as error:
            if error.kind == "busy":
                if self._made:  # otherwise the other client goes through it
                    self._unforward()
                raise
        except Disconnected:
            pass
        self.close()

    def _forwarded(self, remote: int) -> int:
        """A port of this machine that leads to the server's; perhaps one that a killed command left."""
        with explained(self.name):
            there = [one for one in self._device.forward_list() if one.serial == self._device.serial]
            local = [one.local for one in there if one.remote == f"tcp:{remote}" and one.local.startswith("tcp:")]
            if local:
                self._local = int(local[0].removeprefix("tcp:"))
                return self._local
            self._unforward()
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._local = int(free.getsockname()[1])
            self._device.forward(f"tcp:{self._local}", f"tcp:{remote}", norebind=True)
            self._made = True
        return self._local

    def _unforward(self) -> None:
        if self._local is not None:
            with explained(self.name):
                self._device.forward_remove(f"tcp:{self._local}", raise_non_found=False)
            self._local, self._made = None, False


def discover() -> list[Found]:
    try:
        adb = client()
        there = states(adb)
    except UserError:
        return []
    found = []
    for serial, state in there.items():
        model, problem = "", problem_of(state)
        if not problem:
            try:
                known = android_facts.facts(adb.device(serial))
                model = f"{known.model}, Android {known.release}, {'/'.join(known.abis)}"
                problem = _unfit(known)
            except UserError as error:
                problem = str(error)
        found.append(Found(f"android:{serial}", model, problem))
    return found


def missing() -> list[Missing]:
    lacks = []
    needs: tuple[Callable[[], object], ...] = (client, partial(runner, ABIS[0]))  # the other ABIs are emulators
    for needed in needs:
        try:
            needed()
        except UserError as error:
            what, _, mend = str(error).partition(": ")
            lacks.append(Missing(what, mend))
    return lacks


@contextmanager
def opened(which: str, bundles: Sequence[Bundle]) -> Iterator[Android]:
    for bundle in bundles:
        check_target("Android", TARGET, bundle)
    adb = client()
    device = chosen(adb, which)
    facts = android_facts.facts(device)
    if problem := _unfit(facts):
        raise UserError(f"android:{device.serial} {problem}")
    files = runner_files(_runner_for(facts))
    for bundle in bundles:
        files |= bundle_files(bundle, TARGET)
    phone = Android(adb, device, facts)
    phone.stop_idle()
    try:
        push(device, files)
        yield phone
    finally:
        phone.close()


def clean(which: str) -> str:
    """Remove all that was ever put on the device. Gives its name."""
    adb = client()
    device = chosen(adb, which)
    phone = Android(adb, device, android_facts.facts(device))
    phone.stop_idle()
    shell(device, f"rm -rf {FOLDER}")
    return phone.name


def _unfit(facts: android_facts.Facts) -> str:
    """Why the runner cannot run there; "" if it can."""
    if not set(facts.abis) & set(ABIS):
        return f"({facts.model}) has the instruction set {', '.join(facts.abis) or 'unknown'}, not {' or '.join(ABIS)}"
    if 0 < facts.sdk < OLDEST:
        return f"({facts.model}) has Android {facts.release}; the runner needs Android 8 or later"
    return ""


def _runner_for(facts: android_facts.Facts) -> Path:
    """The runner for the best instruction set of the device that there is one for."""
    suitable = [abi for abi in facts.abis if abi in ABIS]
    for abi in suitable[:-1]:
        with suppress(UserError):
            return runner(abi)
    return runner(suitable[-1])


def _start(device: "AdbDevice") -> None:
    """Start a server that outlives this shell, and wait until it listens."""
    has_start, _ = tried(device, f"test -f {FOLDER}/runner/{START}")
    program = f"sh ./{START}" if has_start == 0 else f"./{PROGRAM}"
    serve = f"serve --bundles {FOLDER}/bundles --results {FOLDER}/results --port 0"
    begin = f"trap '' HUP; LD_LIBRARY_PATH=. setsid {program} {serve} >{PORT} 2>{LOG} </dev/null & echo $! >{PID}"
    shell(device, f"mkdir -p {FOLDER}/results && rm -f {PORT} && cd {FOLDER}/runner && {{ {begin}; }}")
    deadline = monotonic() + START_S
    while monotonic() < deadline:
        if _port(device):
            return
        if not _runs(device):
            break
        sleep(0.05)
    said = one_line(tried(device, f"tail -n 3 {LOG}")[1]) or "it says nothing"
    _stop(device)
    hint = "see that GFNET_RUNNER, or what gfnet-mobile android build made, is for this device"
    raise UserError(f"android:{device.serial}: the runner does not start there: {said}; {hint}")


def _runs(device: "AdbDevice") -> bool:
    return tried(device, f"{ALIVE} 2>/dev/null")[0] == 0


def _port(device: "AdbDevice") -> int:
    """Where the server listens; 0 until it says so."""
    _, printed = tried(device, f"head -n 1 {PORT}")
    try:
        return int(json.loads(printed)["listening"])
    except (ValueError, KeyError, TypeError):
        return 0


def _stop(device: "AdbDevice") -> None:
    """The server and what it started: it leads a process group of its own."""
    group = f"$(cat {PID})"
    wait = f"for i in 1 2 3 4 5 6 7 8 9 10; do {ALIVE} || break; sleep 0.1; done"
    command = (
        f"if {ALIVE}; then kill -TERM -{group}; {wait}; {ALIVE} && kill -KILL -{group}; fi; rm -f {PID} {PORT} {LOG}"
    )
    tried(device, f"{{ {command}; }} 2>/dev/null")
