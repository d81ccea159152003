"""Latency on this machine, of one bundle or several: each graph alone, the whole sequence up to each step, and loading.

All that is compared is measured in the same rounds: a round runs everything once, starting one place later than the
round before, so that a slow minute of the machine, or a warm cache, falls on all alike.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from time import perf_counter_ns
from typing import Any

import numpy as np

from gfnet_mobile.bundle.golden import golden_calls, read_golden
from gfnet_mobile.bundle.manifest import CROP
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import Prepared
from gfnet_mobile.host.session import Session, Stop
from gfnet_mobile.measure.results import Result, now, summarise, these_conditions, this_device
from gfnet_mobile.runtimes import compute_units
from gfnet_mobile.runtimes.protocol import in_turn

COLD_LOADS = 5

Key = tuple[int, str, str]
"""the bundle's place, target, what"""
Work = tuple[Key, Callable[[], Any], Callable[[Any], object]]
"""what is made ready before, and the work itself on that"""


def bench(
    bundle: Bundle,
    targets: Sequence[str],
    *,
    against: Sequence[Bundle] = (),
    threads: int = 1,
    rounds: int = 30,
    warmup: int = 5,
) -> list[Result]:
    """Measure ``targets`` of a bundle, and of those that it is to be compared with, interleaved, after ``warmup``
    rounds that do not count.

    ``end_to_end:t`` is a session's walk from an image in its place to the answer of step t, host code included: after
    each step it makes up its mind by the default exit rule, and goes on all the same. The image has just been read, as
    in use: that has emptied the caches.
    """
    if rounds < 1 or warmup < 0:
        raise UserError(f"rounds {rounds}, warmup {warmup}: at least 1 and 0")
    bundles = (bundle, *against)
    started, start = now(), these_conditions()
    with ExitStack() as stack:
        sessions = {
            (place, target): stack.enter_context(Session(one, target, threads))
            for place, one in enumerate(bundles)
            for target in targets
        }
        works = [work for (place, target), session in sessions.items() for work in _works(place, target, session)]
        samples = _rounds(works, rounds, warmup)
        runtimes = {key: session.runtime for key, session in sessions.items()}
    # apart, and after: by now each runtime's package is imported, and what is left is loading
    loads: list[Work] = [
        ((place, target, "cold_load"), _nothing, partial(_load, bundles[place], target, threads))
        for place, target in sessions
    ]
    samples |= _rounds(loads, COLD_LOADS, warmup=0)
    end, device = these_conditions(), this_device()
    return [
        Result(
            bundle_id=bundles[place].manifest.bundle_id,
            what=what,
            target=target,
            runtime=runtimes[place, target].name,
            runtime_version=runtimes[place, target].version,
            compression=bundles[place].target(target).compression,
            threads=threads,
            compute_units=compute_units(bundles[place], target),
            device=device,
            started=started,
            start=start,
            end=end,
            samples_ms=tuple(milliseconds),
            summary=summarise(milliseconds),
        )
        for (place, target, what), milliseconds in samples.items()
    ]


def _works(place: int, target: str, session: Session) -> list[Work]:
    golden = read_golden(session.bundle)
    works: list[Work] = []
    for graph, call in _graph_calls(session, golden).items():
        works.append(((place, target, f"graph:{graph}"), _nothing, partial(_called, call)))
    ready, stop = partial(_read_next, session, cycle(golden["images"])), session.stopping()
    for step in range(len(session.bundle.manifest.steps)):
        works.append(((place, target, f"end_to_end:{step}"), ready, partial(_walk_to, session, stop, step)))
    return works


def _graph_calls(session: Session, golden: dict[str, np.ndarray]) -> dict[str, Callable[[], None]]:
    """Each graph once, on the inputs that the first golden image gave it."""
    calls: dict[str, Callable[[], None]] = {}
    for recorded in golden_calls(session.bundle.manifest, golden):
        graph = recorded.call.graph
        if graph != CROP and graph not in calls:
            inputs = {tensor: values[:1].copy() for tensor, values in recorded.inputs.items()}
            outputs = {tensor: np.empty_like(values[:1]) for tensor, values in recorded.outputs.items()}
            for buffer in inputs.values():
                session.runtime.wrote(buffer)
            call = session.runtime.bind(graph, inputs, outputs)
            calls[graph] = in_turn(call, [session.runtime.read])  # made when the clock stops, not only asked for
    return calls


def _nothing() -> None:
    pass


def _read_next(session: Session, images: Iterator[Any]) -> Prepared:
    return session.prepare(next(images))


def _called(call: Callable[[], None], _: None) -> None:
    call()


def _walk_to(session: Session, stop: Stop, step: int, image: Prepared) -> None:
    for taken in session.steps(image):
        stop(taken)
        if taken.index == step:
            return


def _load(bundle: Bundle, target: str, threads: int, _: None) -> None:
    Session(bundle, target, threads).close()


def _rounds(works: list[Work], rounds: int, warmup: int) -> dict[Key, list[float]]:
    samples: dict[Key, list[float]] = {key: [] for key, _, _ in works}
    for number in range(warmup + rounds):
        first = number % len(works)
        for key, ready, work in works[first:] + works[:first]:
            given = ready()
            start = perf_counter_ns()
            work(given)
            milliseconds = (perf_counter_ns() - start) / 1e6
            if number >= warmup:
                samples[key].append(milliseconds)
    return samples
