"""``gfnet-mobile run``: pictures in, answers out."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.data.folder import SUFFIXES
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing
from gfnet_mobile.host.preprocess import Prepared
from gfnet_mobile.host.session import Session, Step
from gfnet_mobile.runtimes import first_runnable

if TYPE_CHECKING:
    from gfnet_mobile.runtimes.remote import Trip

EPILOG = "Example: gfnet-mobile run demo.gfnet photo.jpg --draw results"


def run(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Pictures, or folders of pictures.")],
    target: Annotated[str | None, typer.Option(help="Default: the bundle's first that runs here.")] = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
    rule: Annotated[str | None, typer.Option(help="One of the bundle's exit rules.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Stop at this max-softmax confidence instead.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="Take no more steps than this.")] = None,
    deadline_ms: Annotated[float | None, typer.Option(help="Start no step after so many milliseconds.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per picture and line.")] = False,
    draw: Annotated[Path | None, typer.Option(help="Folder for a drawn result of each picture.")] = None,
    device: Annotated[str | None, typer.Option(help="Run it there: android, ios, tcp:HOST:PORT, KIND:WHICH.")] = None,
) -> None:
    """Classify pictures with a bundle."""
    opened = open_bundle(bundle)
    paths = list(_pictures(images))
    results: list[tuple[Path, Sequence[Step]]] = []
    crossed: list[Trip | None] = []
    names = _drawn_names(paths)
    with _session(opened, target, threads, device) as session:
        stop = session.stopping(rule, threshold, max_steps, deadline_ms)
        for path, name in zip(paths, names, strict=True):
            prepared = session.prepare(path)
            crossed.append(_trip(session))
            steps = []
            for step in session.walk(prepared, stop):
                steps.append(step)
                crossed.append(_trip(session))
            if draw is not None:
                _draw(draw / name, prepared, steps)
            if as_json:
                print(json.dumps(_as_json(path, opened, steps)), flush=True)
            results.append((path, steps))
    if not as_json:
        _print_table(results)
        _print_trips([trip for trip in crossed if trip is not None])


def _session(bundle: Bundle, target: str | None, threads: int, device: str | None) -> AbstractContextManager[Session]:
    if device is None:
        return Session(bundle, target or first_runnable(bundle), threads)
    from gfnet_mobile.devices import refuse_target, session_on

    refuse_target(target)
    return session_on(device, bundle, threads)


def _pictures(images: Sequence[Path]) -> Iterator[Path]:
    for path in images:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
            if not inside:
                raise UserError(f"{path}: no pictures in this folder ({', '.join(SUFFIXES)})")
            yield from inside
        elif path.exists():
            yield path
        else:
            raise UserError(f"{path}: no such file")


def _as_json(path: Path, bundle: Bundle, steps: Sequence[Step]) -> dict[str, Any]:
    answer = steps[-1]
    return {
        "image": str(path),
        "bundle_id": bundle.manifest.bundle_id,
        "label": answer.label,
        "name": answer.name,
        "steps": [_step_as_json(step) for step in steps],
    }


def _step_as_json(step: Step) -> dict[str, Any]:
    found = {"probabilities": step.probabilities.tolist(), "confidence": step.confidence}
    return {**asdict(step), "logits": step.logits.tolist(), "region": step.region._asdict(), **found}


def _print_table(results: Sequence[tuple[Path, Sequence[Step]]]) -> None:
    from rich.table import Table

    from gfnet_mobile.cli.output import show

    table = Table("picture", "answer", "sure", "after", "ms", "steps", box=None)
    for path, steps in results:
        answer = steps[-1]
        after = "glance" if len(steps) == 1 else f"{len(steps)} steps"
        course = " → ".join(f"{_text(step)} {step.confidence:.0%}" for step in steps)
        table.add_row(str(path), _text(answer), f"{answer.confidence:.0%}", after, f"{answer.elapsed_ms:.2f}", course)
    show(table)


def _trip(session: Session) -> "Trip | None":
    """What just crossed the wire; None where there is none."""
    return getattr(session.runtime, "last", None)


def _print_trips(trips: Sequence["Trip"]) -> None:
    from gfnet_mobile.cli.output import show

    pictures = [trip for trip in trips if not trip.device_ms]
    steps = [trip for trip in trips if trip.device_ms]
    if steps:
        most = max(trip.sent + trip.received for trip in steps)
        picture = max(trip.sent + trip.received for trip in pictures)
        inside = sum(milliseconds for trip in steps for _, milliseconds in trip.device_ms) / len(steps)
        show(
            f"over the wire: {picture:,} bytes a picture, {most:,} at most a step; {inside:.2f} ms of a step are graphs"
        )


def _drawn_names(paths: Sequence[Path]) -> list[str]:
    """A file name for each picture's drawing; pictures of one name in several folders get a number."""
    names: dict[str, None] = {}  # in the order of the pictures
    last: dict[str, int] = {}
    for path in paths:
        number = last.get(path.stem, 0) + 1
        while (name := f"{path.stem}-{number}.png" if number > 1 else f"{path.stem}.png") in names:
            number += 1
        names[name], last[path.stem] = None, number
    return list(names)


def _text(step: Step) -> str:
    return step.name if step.name is not None else f"class {step.label}"


def _draw(path: Path, prepared: Prepared, steps: Sequence[Step]) -> None:
    from gfnet_mobile.host.draw import draw_result

    with replacing(path) as temporary:
        draw_result(prepared, steps).save(temporary, format="PNG")
