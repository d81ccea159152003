"""``gfnet-mobile evaluate``: how often a bundle is right, on labelled pictures."""

from pathlib import Path
from typing import Annotated

import typer

from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.errors import UserError

EPILOG = "Example: gfnet-mobile evaluate photos.gfnet --data photos/val"


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet.")],
    data: Annotated[Path | None, typer.Option(help="Folder with CLASS/picture.")] = None,
    scenes: Annotated[int, typer.Option(help="So many held-out scenes of the demo task, instead of --data.")] = 0,
    target: Annotated[str | None, typer.Option(help="Default: the bundle's first that runs here.")] = None,
    rule: Annotated[str | None, typer.Option(help="One of the bundle's exit rules.")] = None,
    threads: Annotated[int, typer.Option(help="Threads of the runtime.")] = 1,
) -> None:
    """Accuracy of every step, and accuracy and mean steps under the exit rule."""
    import numpy as np
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from gfnet_mobile.cli.output import show
    from gfnet_mobile.data.folder import labelled_files
    from gfnet_mobile.host.session import Session
    from gfnet_mobile.measure.evaluate import evaluate as measure
    from gfnet_mobile.measure.evaluate import labels_for, logits_of
    from gfnet_mobile.runtimes import first_runnable

    if (data is None) == (scenes == 0) or scenes < 0:
        raise UserError("evaluate: give either --data FOLDER or --scenes COUNT")
    opened = open_bundle(bundle)
    chosen = opened.manifest.rules.get(rule or opened.manifest.default_rule)
    if chosen is None:
        raise UserError(f"no exit rule {rule!r}; the bundle has {', '.join(opened.manifest.rules)}")
    with Session(opened, target or first_runnable(opened), threads) as session:
        if data is not None:
            found = labelled_files(data)
            pictures, labels = found.files, labels_for(session, found.classes, found.labels, data)
        else:
            from gfnet_mobile.data import sign_scenes

            images, labels = sign_scenes(scenes, seed=1, split="test", size=opened.manifest.preprocessing.size)
            pictures = tuple(images)
        with Progress(console=Console(stderr=True)) as progress:
            task = progress.add_task("evaluating", total=len(pictures))
            logits = logits_of(session, pictures, lambda: progress.advance(task))
        result = measure(logits, np.asarray(labels), chosen)
    table = Table("step", "accuracy of all", "leave here", "right of those", box=None)
    for step, (accuracy, share, right) in enumerate(zip(result.accuracy, result.share, result.right, strict=True)):
        table.add_row(str(step), f"{accuracy:.2%}", f"{share:.1%}", f"{right:.2%}" if share else "")
    show(
        table,
        f"rule: {result.rule_accuracy:.2%} of {result.count} right after {result.mean_steps:.2f} steps on average",
    )
