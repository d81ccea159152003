"""A training run: the recipe's stages one after another, in a folder that a stopped run is taken up from.

The folder holds ``recipe.json``, ``log.jsonl`` (one line per fifty batches and per stage), ``stage-N.safetensors``
after each stage, ``state.pt`` (where to go on) and at the end ``NAME.safetensors`` with exit rules found on the
validation split.
"""

import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from gfnet_mobile.calibrate.trained_rule import trained_rule
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import replacing
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.policy import GruPolicy
from gfnet_mobile.training.encoders import EncoderTraining
from gfnet_mobile.training.images import ArrayImages, FolderImages, batches, in_order, training_images
from gfnet_mobile.training.ppo import PpoTraining
from gfnet_mobile.training.pretrained import start_from
from gfnet_mobile.training.recipe import EncoderStage, Recipe, Stage
from gfnet_mobile.training.rollout import accuracy, logits_of
from gfnet_mobile.training.value_map import ValueMapTraining

Training = EncoderTraining | PpoTraining | ValueMapTraining

SAVE_SECONDS = 60.0
LOG_BATCHES = 50
WARM_UP = 0.05
"""share of a stage in which the learning rate rises; then it falls along a cosine to nothing"""


def train(recipe: Recipe, folder: Path, cache: Path, pretrained: str | None, console: Console) -> Path:
    """Runs ``recipe`` in ``folder``, going on where an earlier call was stopped. Gives the checkpoint's path.

    Raises UserError if the folder holds a run of another recipe.
    """
    _claim(folder, recipe)
    finished = folder / f"{recipe.model.name}.safetensors"
    torch.manual_seed(recipe.seed)
    model = GlanceFocusNet(recipe.model)
    model.to(memory_format=torch.channels_last)  # 1.5 times faster to train on a CPU
    resume = _read_state(folder)
    if resume is None and pretrained is not None:
        console.print(start_from(model, pretrained))
    images = training_images(recipe.data, recipe.model, "train", cache)
    validation = training_images(recipe.data, recipe.model, "validation", cache)
    if resume is not None:
        model.load_state_dict(resume["model"])
        console.print(f"going on in stage {resume['stage'] + 1}, batch {resume['batch']}")
    answers = None
    for number, stage in enumerate(recipe.stages):
        if resume is not None and number < resume["stage"]:
            continue
        within = resume if resume is not None and resume["stage"] == number and resume["batch"] else None
        _run_stage(recipe, number, stage, model, images, folder, within, console)
        answers = logits_of(model, in_order(validation, recipe.model))
        shares = accuracy(*answers)
        _log(folder, {"stage": number + 1, "kind": stage.kind, "validation": shares})
        console.print(f"stage {number + 1}: validation " + " ".join(f"{100 * share:.1f}" for share in shares))
        save_checkpoint(model, folder / f"stage-{number + 1}.safetensors")
        _write_state(folder, {"stage": number + 1, "batch": 0, "model": model.state_dict()})
    if answers is None:  # all stages were done before this call
        answers = logits_of(model, in_order(validation, recipe.model))
    save_checkpoint(model, finished, {"default": trained_rule(*answers)})
    return finished


def _run_stage(
    recipe: Recipe,
    number: int,
    stage: Stage,
    model: GlanceFocusNet,
    images: ArrayImages | FolderImages,
    folder: Path,
    resume: dict[str, Any] | None,
    console: Console,
) -> None:
    training = _training(model, stage)
    rates = [group["lr"] for group in training.optimiser.param_groups]
    start = 0
    seed = recipe.seed * 100 + number
    torch.manual_seed(seed)
    if resume is not None:
        training.optimiser.load_state_dict(resume["optimiser"])
        torch.set_rng_state(resume["random"])
        start = resume["batch"]
    total = max(1, stage.views // stage.batch)
    saved = time.monotonic()
    with _progress(console) as progress:
        task = progress.add_task(f"stage {number + 1} {stage.kind}", total=total, completed=start, note="")
        stream = batches(images, recipe.model, batch=stage.batch, views=total * stage.batch, seed=seed, start=start)
        for index, (x, labels) in enumerate(stream, start):
            for group, rate in zip(training.optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * _schedule((index + 1) / total)
            figures = training.step(x, labels)
            if not math.isfinite(figures["loss"]):
                raise UserError(f"stage {number + 1}: the loss is not finite; lower its lr ({stage.lr})")
            note = " ".join(f"{name} {value:.3f}" for name, value in figures.items())
            progress.update(task, advance=1, note=note)
            if (index + 1) % LOG_BATCHES == 0:
                _log(folder, {"stage": number + 1, "batch": index + 1, **{k: round(v, 5) for k, v in figures.items()}})
            if time.monotonic() - saved > SAVE_SECONDS:
                saved = time.monotonic()
                state = {"model": model.state_dict(), "optimiser": training.optimiser.state_dict()}
                place = {"stage": number, "batch": index + 1, "random": torch.get_rng_state()}
                _write_state(folder, {**place, **state})


def _training(model: GlanceFocusNet, stage: Stage) -> Training:
    if isinstance(stage, EncoderStage):
        return EncoderTraining(model, stage)
    if model.policy is None:
        raise UserError("recipe: a policy stage, but the model has a single step and so no policy")
    return PpoTraining(model, stage) if isinstance(model.policy, GruPolicy) else ValueMapTraining(model, stage)


def _schedule(done: float) -> float:
    """Factor on the learning rate when the share ``done`` of a stage is over."""
    return done / WARM_UP if done < WARM_UP else 0.5 * (1 + math.cos(math.pi * (done - WARM_UP) / (1 - WARM_UP)))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
    )


def _claim(folder: Path, recipe: Recipe) -> None:
    file = folder / "recipe.json"
    text = recipe.model_dump_json(indent=2) + "\n"
    if file.exists():
        if file.read_text() != text:
            raise UserError(f"{folder}: holds a run of another recipe; name another folder with --output")
        return
    with replacing(file) as temporary:
        temporary.write_text(text)


def _log(folder: Path, entry: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps({**entry, "time": round(time.time())}) + "\n")


def _write_state(folder: Path, state: dict[str, Any]) -> None:
    with replacing(folder / "state.pt") as temporary:
        torch.save(state, temporary)


def _read_state(folder: Path) -> dict[str, Any] | None:
    file = folder / "state.pt"
    if not file.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(file, weights_only=True)
    except Exception as error:  # torch raises what pickle, zip files and its own checks raise
        raise UserError(f"{file}: cannot be read; delete it to begin the run anew") from error
    return state
