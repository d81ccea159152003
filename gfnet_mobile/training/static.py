"""Static networks to compare a dynamic one with: its backbone, its data, as many images, and the best of a few learning
rates, so that they get the best that the same effort can give them.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing
from gfnet_mobile.models.config import CascadeHeadConfig
from gfnet_mobile.training.recipe import EncoderStage, Recipe
from gfnet_mobile.training.run import train

FACTORS = (0.5, 1.0, 2.0)
"""on the learning rate of the dynamic network's encoders"""


def static_recipe(dynamic: Recipe, size: int, factor: float = 1.0) -> Recipe:
    """The focus network's backbone, one step on the whole picture, ``size`` pixels wide. It sees as many images as all
    stages of ``dynamic``, in batches half as large: twice the updates, and large pictures train faster where they fit
    the processor's cache.

    Raises UserError for a recipe that is static itself.
    """
    if dynamic.model.steps == 1:
        raise UserError(f"recipe of {dynamic.model.name}: is a static network's already; leave --static out")
    encoders = [stage for stage in dynamic.stages if isinstance(stage, EncoderStage)]
    if not encoders:
        raise UserError(f"recipe of {dynamic.model.name}: no stage trains the encoders, so there is nothing to go by")
    model = dynamic.model.model_copy(
        update={
            "name": f"static-{size}",
            "steps": 1,
            "patch": size,
            "glance": None,
            "glance_encoder": dynamic.model.focus_encoder,  # the glance's may be cut
            "focus_encoder": None,
            "policy": None,
            "head": CascadeHeadConfig(),
            "preprocessing": Preprocessing(
                size=size,
                resize=round(dynamic.model.preprocessing.resize * size / dynamic.model.image),
                filter=dynamic.model.preprocessing.filter,
            ),
        }
    )
    stage = EncoderStage(
        patches="random",
        views=sum(stage.views for stage in dynamic.stages),
        batch=max(1, encoders[0].batch // 2),
        lr=factor * encoders[0].lr,
        weight_decay=encoders[0].weight_decay,
    )
    return Recipe(model=model, data=dynamic.data, stages=(stage,), seed=dynamic.seed)


def train_static(
    dynamic: Recipe, sizes: Sequence[int], output: Path, cache: Path, pretrained: str | None, console: Console
) -> list[Path]:
    """Train a network of each size at each learning rate; the best of a size on validation images becomes
    ``output/static-SIZE.safetensors``. Runs lie below ``output``, and one that was stopped is taken up."""
    kept = []
    for size in sizes:
        runs: dict[Path, float] = {}
        for factor in FACTORS:
            recipe = static_recipe(dynamic, size, factor)
            folder = output / f"static-{size}-lr-{recipe.stages[0].lr:g}"
            console.print(f"static, {size} pixels, learning rate {recipe.stages[0].lr:g}")
            checkpoint = train(recipe, folder, cache, pretrained, console)
            runs[checkpoint] = validation_accuracy(folder)
        best = max(runs, key=runs.__getitem__)
        kept.append(output / best.name)
        with replacing(kept[-1]) as temporary:
            shutil.copyfile(best, temporary)
        shares = ", ".join(f"{checkpoint.parent.name} {share:.2%}" for checkpoint, share in runs.items())
        console.print(f"{shares}: {best.parent.name} is kept")
    return kept


def validation_accuracy(folder: Path) -> float:
    """Of a finished run, after its last stage."""
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return float(next(entry["validation"][-1] for entry in reversed(entries) if "validation" in entry))
