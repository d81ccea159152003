"""Latency on a device, measured by the device: the loop runs in the server's process, samples come over the wire.

Every frame is in the host's journal before the next is looked at; a measurement that was interrupted, anywhere, goes on
from there and measures nothing twice. A measurement is several *runs*: each repeat, each number of threads, each choice
of compute units, each bundle, in this order, so that bundles which are compared are measured close together. A run in
which the device was hot does not count; it is kept, and another takes its place.
"""

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import product
from time import monotonic, sleep
from typing import Any

from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.devices.protocol import Device
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.journal import Journal, Line
from gfnet_mobile.measure.placement import plans
from gfnet_mobile.measure.results import COOL, Conditions, Result, now, summarise
from gfnet_mobile.runtimes.remote import check_units, greet, load
from gfnet_mobile.wire import Connection, Disconnected, Refused

ATTEMPTS = 3
"""runs in the place of one, if the device is hot each time"""
WARM_CELSIUS = 35.0
"""of the battery: above this the device is left to cool"""
LOWEST_BATTERY = 15.0
"""percent: below, phones spare their battery"""
COOL_POLL_S = 5.0
WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)
"""before each new connection, where one after the other is lost without a sample"""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """What is measured; a measurement goes on with the same only."""

    device: str
    bundles: tuple[str, ...]
    """bundle_ids"""
    threads: tuple[int, ...]
    compute_units: tuple[str | None, ...]
    rounds: int
    warmup: int
    repeats: int


@dataclass
class Run:
    """One run, as far as the journal has it."""

    name: str
    bundle: Bundle
    threads: int
    units: str | None
    """what to compute on, None where the manifest's suggestions count"""
    repeat: int
    plan: tuple[str, ...] = ()
    total: int = 0
    context: Line = field(default_factory=dict)
    samples: list[tuple[str, float]] = field(default_factory=list)
    """what, milliseconds"""
    placements: dict[str, Any] | None = None
    """graph → where its operators are to run; None until the server was asked"""
    begun: list[Line] = field(default_factory=list)
    """the host's view of the device before each connection"""
    ended: Line | None = None
    stretches: list[Line] = field(default_factory=list)
    """the server's"""
    started: str = ""
    done: bool = False

    def take(self, line: Line) -> None:
        """A line of the journal about this run: a frame of the server's, or the host's view before or after."""
        try:
            if "begun" in line:
                self.begun.append(line["begun"])
                self.started = self.started or line["at"]
            elif "placements" in line:
                self.placements = dict(line["placements"])
            elif "plan" in line:
                self.plan, self.total = tuple(line["plan"]), int(line["samples"])
                self.context = dict(line["context"])
            elif "samples" in line:
                for sample in line["samples"]:
                    self._sample(sample["index"], sample["what"], sample["ms"])
            elif "done" in line:
                self.stretches, self.ended, self.done = list(line["conditions"]), line["ended"], True
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"run {self.name}: a frame that is none of the protocol's ({error!r})") from error
        if self.done and len(self.samples) != self.total:
            raise UserError(f"run {self.name}: {len(self.samples)} of {self.total} samples came; update the server")

    def _sample(self, index: int, what: str, milliseconds: float) -> None:
        if index != len(self.samples):
            raise UserError(
                f"run {self.name}: sample {index} came where {len(self.samples)} was due; update the server"
            )
        if not (isinstance(milliseconds, int | float) and math.isfinite(milliseconds) and milliseconds >= 0):
            raise ValueError(f"{milliseconds!r} ms")
        self.samples.append((what, float(milliseconds)))


def remote_bench(
    device: Device,
    bundles: Sequence[Bundle],
    journal: Journal,
    *,
    threads: Sequence[int] = (1,),
    compute_units: Sequence[str | None] = (None,),
    rounds: int = 100,
    warmup: int = 10,
    repeats: int = 1,
    cooldown_s: float = 300,
    progress: Progress = lambda line: None,
) -> list[Result]:
    """Measure ``bundles`` on a device, beginning with what the journal has already. ``compute_units`` are the
    manifest's names, or None for what it suggests. Waits at most ``cooldown_s`` before each run until the device is
    cool. Raises UserError, among others where the connection is lost for good."""
    if rounds < 1 or warmup < 0 or repeats < 1 or min(threads, default=0) < 1:
        raise UserError(f"rounds {rounds}, warmup {warmup}, repeats {repeats}, threads {threads}: too few")
    identities = tuple(bundle.manifest.bundle_id for bundle in bundles)
    settings = Settings(device.name, identities, tuple(threads), tuple(compute_units), rounds, warmup, repeats)
    measurement = _measurement(journal, settings)
    results: list[Result] = []
    for repeat, count, units in product(range(1, repeats + 1), threads, compute_units):
        for place, bundle in enumerate(bundles):
            for attempt in range(1, ATTEMPTS + 1):
                on = "" if units is None else f"-{units}"
                run = Run(f"{measurement}-r{repeat}-t{count}{on}-b{place}-a{attempt}", bundle, count, units, repeat)
                for line in journal.lines:
                    if line.get("run") == run.name:
                        run.take(line)
                title = f"{bundle.manifest.name}, {count} thread(s){on and f', {units}'}, run {repeat} of {repeats}"
                _finish(device, run, settings, journal, cooldown_s, partial(_titled, progress, title))
                found = list(_results(device, run))
                results += found
                if not (reason := found[0].invalid):
                    break
                progress(f"{title}: does not count: {reason}")
    return results


def _titled(progress: Progress, title: str, text: str) -> None:
    progress(f"{title}: {text}")


def _measurement(journal: Journal, settings: Settings) -> str:
    """The name that all runs of a journal begin with."""
    wanted = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(settings).items()}
    if not journal.lines:
        journal.append({"measurement": secrets.token_hex(6), "settings": wanted})
    first = journal.lines[0]
    had = first.get("settings")
    if not isinstance(had, dict) or not isinstance(first.get("measurement"), str):
        raise UserError(f"{journal.path}: is no journal of a measurement; delete it")
    for key, value in wanted.items():
        if had.get(key) != value:
            raise UserError(
                f"{journal.path}: {key} was {had.get(key)}, now it is {value}; go on with the same, or delete it"
            )
    return str(first["measurement"])


def _finish(
    device: Device, run: Run, settings: Settings, journal: Journal, cooldown_s: float, progress: Progress
) -> None:
    """Connect, and connect again, until the run is done."""
    waits = iter(WAITS_S)
    while not run.done:
        before = len(run.samples)
        try:
            _measure(device, run, settings, journal, cooldown_s, progress)
        except (Disconnected, Refused) as error:
            if isinstance(error, Refused) and error.kind != "busy":  # with the connection that was just lost, perhaps
                raise
            if len(run.samples) > before:
                waits = iter(WAITS_S)
            wait = next(waits, None)
            if wait is None:
                raise Disconnected(
                    f"{error}; {len(run.samples)} samples of this run are kept: go on with --resume"
                ) from error
            progress(f"connection lost after {len(run.samples)} samples, trying again")
            sleep(wait)


def _measure(
    device: Device, run: Run, settings: Settings, journal: Journal, cooldown_s: float, progress: Progress
) -> None:
    def note(line: Line) -> None:
        journal.append({"run": run.name, **line})
        run.take(line)

    with device.connect() as connection:
        server = greet(connection)
        for units in settings.compute_units:  # all of them before the first is measured
            check_units(server, units, connection.where)
        begun = _cooled(device, connection, cooldown_s, progress)
        load(connection, server, run.bundle, run.threads, run.units)
        note({"begun": begun.model_dump(), "at": now()})
        if run.placements is None:
            note({"placements": _placements(connection)})
        asked = {"run": run.name, "rounds": settings.rounds, "warmup": settings.warmup, "have": len(run.samples)}
        for answer in connection.request("bench", asked):
            said: dict[str, Any] = answer.result
            if "done" in said:
                said = said | {"ended": device.conditions().model_dump()}
            note(said)
            if run.total:
                progress(f"{len(run.samples)} of {run.total} samples")
        _drop(connection, run)


def _placements(connection: Connection) -> dict[str, Any]:
    """Graph → where its operators are to run; empty where the server or the device's system cannot say."""
    try:
        return {plan.graph: [one.model_dump() for one in plan.operators] for plan in plans(connection)}
    except Refused:
        return {}


def _drop(connection: Connection, run: Run) -> None:
    """All is in the host's journal; the server's own may go."""
    with suppress(Disconnected, Refused):
        connection.ask("bench", {"run": run.name, "drop": True})


def _cooled(device: Device, connection: Connection, limit_s: float, progress: Progress) -> Conditions:
    """The device's conditions once it is cool, or ``limit_s`` are over: the host's view of it, and its server's."""
    end = monotonic() + limit_s
    while True:
        found = device.conditions().beside(greet(connection).conditions)
        if found.battery_percent is not None and found.battery_percent < LOWEST_BATTERY:
            level = f"{found.battery_percent:.0f} %"
            raise UserError(f"{device.name}: its battery is at {level}; charge it to {LOWEST_BATTERY:.0f} % first")
        reason = _heat(found)
        if not reason or monotonic() >= end:
            return found
        progress(f"waiting until the device is cool: {reason}")
        sleep(min(COOL_POLL_S, max(end - monotonic(), 0)))


def _heat(found: Conditions) -> str:
    """ "" if it is cool."""
    if found.thermal not in COOL:
        return f"thermal state {found.thermal}"
    if found.battery_celsius is not None and found.battery_celsius > WARM_CELSIUS:
        return f"battery at {found.battery_celsius:.1f} °C"
    return ""


def _results(device: Device, run: Run) -> Iterator[Result]:
    """One for each thing that a run measured, in the order of its plan."""
    first, *later = (Conditions.model_validate(begun) for begun in run.begun)
    theirs = [(_said(one, "start"), _said(one, "end")) for one in run.stretches] or [({}, {})]
    starts = [first.beside(theirs[0][0]), *later, *(Conditions().beside(start) for start, _ in theirs[1:])]
    end = Conditions.model_validate(run.ended).beside(theirs[-1][1])
    ends = [*(Conditions().beside(one) for _, one in theirs[:-1]), end]
    reasons = [f"{_heat(one)} at the start" for one in starts if _heat(one)]
    reasons += [f"thermal state {one.thermal} at the end" for one in ends if one.thermal not in COOL]
    if any(one.power_mode == "saving" for one in (*starts, end)):
        reasons.append("it spares its battery")
    context = run.context
    target = str(context.get("target"))
    for what in (*run.plan, "cold_load"):
        samples = [milliseconds for measured, milliseconds in run.samples if measured == what]
        yield Result(
            bundle_id=run.bundle.manifest.bundle_id,
            what=what,
            target=target,
            runtime=str(context.get("runtime")),
            runtime_version=str(context.get("runtime_version")),
            compression=run.bundle.target(target).compression,
            threads=run.threads,
            compute_units=str(context.get("compute_units")),
            placement=(run.placements or {}).get(what.removeprefix("graph:")),
            device=device.described(context.get("device") or {}),
            started=run.started,
            start=starts[0],
            end=end,
            repeat=run.repeat,
            invalid="; ".join(dict.fromkeys(reasons)) or None,
            samples_ms=tuple(samples),
            summary=summarise(samples),
        )


def _said(stretch: Line, moment: str) -> Line:
    said = stretch.get(moment)
    return said if isinstance(said, dict) else {}
