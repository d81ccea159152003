"""``gfnet-mobile evaluate``: how often a network is right, on labelled pictures."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from gfnet_mobile.cli.output import show
from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.answers import Subject, subject_of
from gfnet_mobile.measure.data_set import SCENE, folder_set, kept_logits, logits_on, scene_set, some_of
from gfnet_mobile.measure.evaluate import at_rule, budget_curve, top
from gfnet_mobile.measure.logits import Logits

EPILOG = "Example: gfnet-mobile evaluate photos.gfnet --data photos/val --logits photos.safetensors"

FEWEST_FOR_BUDGETS = 100
"""images, half of which are to find thresholds on"""
SHOWN = 3
"""every third budget is printed"""


def evaluate(
    model: Annotated[str, typer.Argument(metavar="FILE|BUNDLE", help="Checkpoint, folder NAME.gfnet, or demo.")],
    data: Annotated[Path | None, typer.Option(help="Folder with CLASS/picture, as ImageNet's validation set.")] = None,
    scenes: Annotated[int, typer.Option(help="So many held-out scenes of the demo task, instead of --data.")] = 0,
    scene_size: Annotated[int, typer.Option(help="Side of those scenes, pixels; more is a wider field.")] = SCENE,
    limit: Annotated[int | None, typer.Option(help="Take so many of the pictures, drawn at random.")] = None,
    logits: Annotated[
        Path | None, typer.Option(help="Keep all logits in this file; where it is whole, nothing is run again.")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Default: the bundle's first that runs here.")] = None,
    rule: Annotated[str | None, typer.Option(help="One of the exit rules; default: the first.")] = None,
    as_published: Annotated[bool, typer.Option(help="Find thresholds as the released code does.")] = False,
    workers: Annotated[int, typer.Option(help="Pictures at a time. Default: one a core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with every budget's thresholds.")] = False,
) -> None:
    """Top-1 and top-5 of every step, what the exit rule makes of them, and accuracy for a range of budgets."""
    if workers < 0:
        raise UserError(f"workers {workers}: must be at least 1")
    if (data is not None and scenes) or scenes < 0:
        raise UserError("evaluate: give either --data FOLDER or --scenes COUNT")
    subject = subject_of(model, target)
    if rule is not None and rule not in subject.rules:
        raise UserError(f"no exit rule {rule!r}; known are {', '.join(subject.rules) or 'none'}")
    run, unreadable = _logits(subject, data, (scenes, scene_size), limit, logits, workers or os.cpu_count() or 1)
    answers, labels = run.logits, run.labels
    chosen = rule or next(iter(subject.rules), None)
    costs = subject.multiply_adds or tuple(range(1, subject.steps + 1))
    report: dict[str, Any] = {
        "checkpoint": subject.checkpoint,
        "count": len(labels),
        "unreadable": unreadable,
        "top1": top(answers, labels, 1),
        "top5": top(answers, labels, 5) if subject.classes > 5 else None,
        "multiply_adds": subject.multiply_adds,
        "rule": {"name": chosen, **asdict(at_rule(answers, labels, subject.rules[chosen]))} if chosen else None,
        "budgets": None,
    }
    if subject.steps > 1 and len(labels) >= FEWEST_FOR_BUDGETS:
        curve = budget_curve(answers, labels, costs, as_published=as_published)
        report["budgets"] = [asdict(budget) for budget in curve]
    if as_json:
        print(json.dumps(report))
    else:
        _print(report, as_published)


def _logits(
    subject: Subject, data: Path | None, scenes: tuple[int, int], limit: int | None, file: Path | None, workers: int
) -> tuple[Logits, list[str]]:
    """Logits and labels, and the names of the pictures that could not be read. ``scenes``: how many, and their size."""
    if data is None and not scenes[0]:
        if file is None or limit is not None:
            raise UserError("evaluate: give either --data FOLDER or --scenes COUNT")
        return kept_logits(subject, file), []
    found = folder_set(data, subject) if data is not None else scene_set(*scenes)
    if limit is not None:
        found = some_of(found, limit)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("evaluating")
        return logits_on(
            found, subject, file, workers, lambda done, total: bar.update(task, completed=done, total=total)
        )


def _print(report: dict[str, Any], as_published: bool) -> None:
    found, rule, costs = report["rule"], report["rule"] is not None, report["multiply_adds"]
    table = Table("step", "top-1", box=None)
    table.add_column("top-5") if report["top5"] else None
    table.add_column("multiply-adds, M") if costs else None
    for column in ("leave here", "right of those") if rule else ():
        table.add_column(column)
    for step, accuracy in enumerate(report["top1"]):
        cells = [str(step), f"{accuracy:.2%}"]
        cells += [f"{report['top5'][step]:.2%}"] if report["top5"] else []
        cells += [f"{costs[step] / 1e6:.1f}"] if costs else []
        if rule:
            share, right = found["share"][step], found["right"][step]
            cells += [f"{share:.1%}", f"{right:.2%}" if share else ""]
        table.add_row(*cells)
    show(table)
    if rule:
        done = f"{found['accuracy']:.2%} of {report['count']} right after {found['mean_steps']:.2f} steps on average"
        show(f"rule {found['name']}: {done}")
    if report["budgets"]:
        _print_budgets(report["budgets"], "multiply-adds, M" if costs else "steps", 1e6 if costs else 1)
        _print_closed(report["budgets"]) if as_published else None
    for name in report["unreadable"]:
        show(f"cannot be read, left out: {name}")


def _print_budgets(budgets: list[dict[str, Any]], unit: str, scale: float) -> None:
    steps = len(budgets[0]["share"])
    table = Table("budget", f"mean {unit}", "top-1", *(f"leave at {step}" for step in range(steps)), box=None)
    for number, budget in list(enumerate(budgets, 1))[::SHOWN]:
        shares = (f"{share:.1%}" for share in budget["share"])
        table.add_row(str(number), f"{budget['cost'] / scale:.2f}", f"{budget['accuracy']:.2%}", *shares)
    show("", "Budgets: thresholds found on one half of the images, figures of the other half.", table)


def _print_closed(budgets: list[dict[str, Any]]) -> None:
    """The published search lets nobody leave, without a word, where a quota is zero or ties have used it up."""
    for step in range(len(budgets[0]["share"]) - 1):
        without = [str(number) for number, budget in enumerate(budgets, 1) if budget["thresholds"][step] is None]
        if without:
            show(f"nobody leaves at step {step} in budgets {', '.join(without)}: no image for that quota")
