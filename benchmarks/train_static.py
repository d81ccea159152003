"""Trains the static networks that the demo is compared with: same backbone, same start, same scenes, as many images.

    python benchmarks/train_static.py --start runs/miniatures/miniatures.safetensors --runs runs --size 96 --size 128

The number of images is the sum of what all stages of ``recipes/demo.toml`` see. Each size is trained at the same three
learning rates; the best on validation scenes goes to ``benchmarks/static/``.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from rich.console import Console

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.files import replacing
from gfnet_mobile.models.config import CascadeHeadConfig
from gfnet_mobile.training.recipe import EncoderStage, Recipe, read_recipe
from gfnet_mobile.training.run import train

HERE = Path(__file__).parent
SIZES = (96, 128, 160, 192, 224)
RATES = (1e-3, 2e-3, 4e-3)
BATCH = 32
"""half of the demo's: twice the updates, and large pictures train faster where they fit the processor's cache"""


def static_recipe(dynamic: Recipe, size: int, rate: float) -> Recipe:
    """One step on the whole picture, ``size`` pixels wide, with the budget of ``dynamic``."""
    model = dynamic.model.model_copy(
        update={
            "name": f"static-{size}",
            "steps": 1,
            "patch": size,
            "focus_encoder": None,
            "policy": None,
            "head": CascadeHeadConfig(),
            "preprocessing": Preprocessing(size=size, resize=size, filter="bilinear"),
        }
    )
    stage = EncoderStage(patches="random", views=sum(stage.views for stage in dynamic.stages), batch=BATCH, lr=rate)
    return Recipe(model=model, data=dynamic.data, stages=(stage,), seed=dynamic.seed)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--start", required=True, help="checkpoint that the encoders start from")
    arguments.add_argument("--runs", type=Path, default=Path("runs"))
    arguments.add_argument("--size", type=int, action="append", choices=SIZES)
    arguments.add_argument("--rate", type=float, action="append", help=f"learning rates; default {RATES}")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    dynamic = read_recipe(HERE / "recipes" / "demo.toml")
    for size in chosen.size or SIZES:
        for rate in chosen.rate or RATES:
            folder = chosen.runs / f"static-{size}-{rate:g}"
            train(static_recipe(dynamic, size, rate), folder, chosen.runs / "cache", chosen.start, Console())
        keep_best(chosen.runs, size)


def keep_best(runs: Path, size: int) -> None:
    """Copies the checkpoint with the best validation accuracy of those that are finished."""
    finished = [file for file in runs.glob(f"static-{size}-*/static-{size}.safetensors")]
    best = max(finished, key=lambda file: validation(file.parent))
    with replacing(HERE / "static" / best.name) as temporary:
        shutil.copyfile(best, temporary)
    print({file.parent.name: validation(file.parent) for file in finished}, "→", best.parent.name)


def validation(folder: Path) -> float:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return next(entry["validation"][-1] for entry in reversed(entries) if "validation" in entry)


if __name__ == "__main__":
    main()
