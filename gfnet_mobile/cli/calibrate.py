"""``gfnet-mobile calibrate``: exit rules for a goal in milliseconds or accuracy, written into a bundle."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from gfnet_mobile.bundle.manifest import NAME
from gfnet_mobile.bundle.store import open_bundle, with_rules
from gfnet_mobile.calibrate.calibrate import Calibrated, check_logits
from gfnet_mobile.calibrate.calibrate import calibrate as calibrate_for
from gfnet_mobile.calibrate.expectation import Figure
from gfnet_mobile.calibrate.goal import Goal, frontier
from gfnet_mobile.cli.output import show
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.logits import read_logits
from gfnet_mobile.measure.results import read_results
from gfnet_mobile.measure.step_latency import StepLatency, step_latency

EPILOG = "Example: gfnet-mobile calibrate photos.gfnet --logits photos.logits --latency phone.results.jsonl --mean-ms 9"
MOST_BUDGETS = 100


def calibrate(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet.")],
    logits: Annotated[Path, typer.Option(help="Cached logits of labelled pictures (evaluate --logits).")],
    latency: Annotated[Path, typer.Option(help="Results of a device (bench --output).")],
    mean_ms: Annotated[float | None, typer.Option(help="Goal: as accurate as this mean allows.")] = None,
    p95_ms: Annotated[float | None, typer.Option(help="Goal: as accurate as this 95th percentile allows.")] = None,
    accuracy: Annotated[float | None, typer.Option(help="Goal: as fast as this accuracy allows, percent.")] = None,
    max_loss: Annotated[
        float | None, typer.Option(help="Goal: as fast as so many points below the last step allow.")
    ] = None,
    frontier: Annotated[int | None, typer.Option(help="Goal: so many means, from the glance to all steps.")] = None,
    name: Annotated[
        str, typer.Option(help="Of the rule in the bundle; with --frontier NAME-01 and on.")
    ] = "calibrated",
    default: Annotated[bool, typer.Option("--default", help="Make it the bundle's default rule.")] = False,
    target: Annotated[str | None, typer.Option(help="Of the latencies, where the file has several.")] = None,
    threads: Annotated[int | None, typer.Option(help="Of the latencies, where the file has several.")] = None,
    device: Annotated[str | None, typer.Option(help="Model, where the latencies have several devices.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with all thresholds.")] = False,
) -> None:
    """Find an exit rule for a goal: on one half of the pictures, judged on the other."""
    if re.match(NAME, name) is None:
        raise UserError(f"--name {name}: letters, digits, dots, dashes and underscores only")
    if default and frontier is not None:
        raise UserError("--default: --frontier finds several rules; calibrate again for the one that you choose")
    wanted = {"mean_ms": mean_ms, "p95_ms": p95_ms, "accuracy": accuracy, "max_loss": max_loss, "frontier": frontier}
    given = {kind: value for kind, value in wanted.items() if value is not None}
    if len(given) != 1:
        raise UserError(f"calibrate: give one goal of {', '.join('--' + kind.replace('_', '-') for kind in wanted)}")
    opened = open_bundle(bundle)
    times = step_latency(read_results(latency), opened.manifest, target, threads=threads, device=device)
    cached = read_logits(logits)
    check_logits(cached, opened.manifest, times.context.target)
    goals = _goals(*given.popitem(), times)
    names = [name] if frontier is None else [f"{name}-{number:02}" for number in range(1, len(goals) + 1)]
    data = f"{len(cached.labels)} images, {logits.name}"
    found = _distinct(dict(zip(names, calibrate_for(cached, times, goals, data), strict=True)))
    rules = {one: each.rule for one, each in found.items()}
    with_rules(opened, times.context.target, rules, name if default else None)
    if as_json:
        print(json.dumps([_plain(one, each) for one, each in found.items()]))
        return
    show(f"{times.context}, target {times.context.target}")
    _print_frontier(found) if frontier is not None else _print(name, found[name])
    show(f"written to {bundle}")


def _goals(kind: str, value: float, times: StepLatency) -> list[Goal]:
    option = f"--{kind.replace('_', '-')} {value:g}"
    if kind == "frontier":
        if not 2 <= value <= MOST_BUDGETS:
            raise UserError(f"{option}: 2 to {MOST_BUDGETS}")
        return frontier(times, int(value))
    if kind in ("mean_ms", "p95_ms"):
        if not 0 < value < np.inf:
            raise UserError(f"{option}: milliseconds above 0")
        return [Goal("mean_ms" if kind == "mean_ms" else "p95_ms", value)]
    if kind == "accuracy":
        if not 1 <= value <= 100:
            raise UserError(f"{option}: in percent, such as 95")
        return [Goal("accuracy", value / 100)]
    if not 0 <= value <= 100:
        raise UserError(f"{option}: in points, such as 0.5")
    return [Goal("max_loss", value / 100)]


def _distinct(found: dict[str, Calibrated]) -> dict[str, Calibrated]:
    """Without those that are the rule before: a mean that is larger than it need be."""
    rules = {name: one.rule.thresholds for name, one in found.items()}
    return {name: one for name, one in found.items() if next(n for n in rules if rules[n] == rules[name]) == name}


def _plain(name: str, one: Calibrated) -> dict[str, Any]:
    return {"name": name, **asdict(one), "goal": str(one.goal), "rule": one.rule.model_dump()}


def _print(name: str, one: Calibrated) -> None:
    judged, against = one.judged, one.against
    show(f"rule {name}, {one.goal}: {one.rule.measure}")
    show(f"found on {one.found.count} images, judged on {judged.count} others")
    table = Table("", "expect", "95 % interval", box=None)
    table.add_row("accuracy, %", *_percent(judged.accuracy))
    table.add_row("less than the last step's, points", *_percent(one.loss))
    table.add_row("mean, ms", *_ms(judged.mean_ms))
    table.add_row("median, ms", f"{judged.p50_ms:.3f}")
    table.add_row("95th percentile, ms", *_ms(judged.p95_ms))
    table.add_row("worst case, ms", f"{judged.worst_ms:.3f}")
    table.add_row("leave at each step, %", ", ".join(f"{100 * share:.1f}" for share in judged.leaves))
    if against is not None:
        table.add_row("more than the published search's, points", *_percent(against.gain))
        table.add_row("less than the published search's, ms", *_ms(against.saved_ms))
    show(table)


def _print_frontier(found: dict[str, Calibrated]) -> None:
    table = Table("rule", "goal", "accuracy, %", "95 % interval", "mean, ms", "p95, ms", "worst, ms", box=None)
    table.add_column("over published, points")
    for name, one in found.items():
        judged = one.judged
        gain = " ".join(_percent(one.against.gain)) if one.against else ""
        cells = (f"{judged.mean_ms.value:.3f}", f"{judged.p95_ms.value:.3f}", f"{judged.worst_ms:.3f}", gain)
        table.add_row(name, str(one.goal), *_percent(judged.accuracy), *cells)
    show(table)


def _percent(figure: Figure) -> tuple[str, str]:
    return f"{100 * figure.value:.2f}", f"{100 * figure.low:.2f} to {100 * figure.high:.2f}"


def _ms(figure: Figure) -> tuple[str, str]:
    return f"{figure.value:.3f}", f"{figure.low:.3f} to {figure.high:.3f}"
