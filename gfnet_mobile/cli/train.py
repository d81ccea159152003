"""``gfnet-mobile train``: the paper's three stages, on the demo task or on one's own images."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from gfnet_mobile.cli.output import whole_numbers
from gfnet_mobile.errors import UserError

EPILOG = (
    "Example: gfnet-mobile train --data photos --backbone mobilenetv3_large_100 --pretrained timm --output runs/photos"
)


def train(
    recipe: Annotated[Path | None, typer.Argument(help="recipe in TOML; or give --data")] = None,
    output: Annotated[Path, typer.Option(help="folder of the run; a stopped run there is taken up")] = Path(
        "runs/train"
    ),
    data: Annotated[Path | None, typer.Option(help="folder with train/CLASS/* and val/CLASS/*")] = None,
    pretrained: Annotated[
        str | None, typer.Option(help="checkpoint or weights to start the encoders from, or the word 'timm'")
    ] = None,
    backbone: Annotated[str, typer.Option(help="any convolutional timm model")] = "mobilenetv3_large_100",
    image: Annotated[int, typer.Option(help="side of the image, pixels")] = 224,
    patch: Annotated[int, typer.Option(help="side of the glance and of a patch, pixels")] = 96,
    steps: Annotated[int, typer.Option(help="most steps")] = 3,
    policy: Annotated[Literal["value_map", "gru"], typer.Option(help="how patches are chosen")] = "value_map",
    epochs: Annotated[float, typer.Option(help="how often each image is seen, over all stages")] = 60,
    batch: Annotated[int, typer.Option(help="images per update")] = 64,
    seed: Annotated[
        int | None, typer.Option(help="of weights, order and patches [default: the recipe's, or 0]")
    ] = None,
    static: Annotated[
        bool, typer.Option("--static", help="train static networks to compare with, which see as many images")
    ] = False,
    sizes: Annotated[
        str | None, typer.Option(help="with --static: sides of the image, pixels: 96,128 [default: the recipe's]")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 leaves it to torch")] = 0,
) -> None:
    """Train a glance-and-focus network: random patches, the policy alone, fine-tuning with the policy fixed."""
    import torch
    from rich.console import Console

    from gfnet_mobile.training.defaults import folder_recipe
    from gfnet_mobile.training.recipe import read_recipe
    from gfnet_mobile.training.run import train as run
    from gfnet_mobile.training.static import train_static

    if (recipe is None) == (data is None):
        raise UserError("train: give either a recipe or --data FOLDER")
    if data is not None and steps == 1:
        raise UserError("--steps 1: is a static network; give --static, and the steps that it is to be compared with")
    if sizes is not None and not static:
        raise UserError("--sizes: is for --static; a dynamic network has --image and --patch")
    if data is not None:
        chosen = folder_recipe(
            data, name=output.name, backbone=backbone, image=image, patch=patch, steps=steps, epochs=epochs,
            batch=batch, policy=policy, seed=seed or 0,
        )  # fmt: skip
    else:
        assert recipe is not None
        chosen = read_recipe(recipe)
        if seed is not None:
            chosen = chosen.model_copy(update={"seed": seed})
    if threads:
        torch.set_num_threads(threads)
    cache, console = output.parent / "cache", Console(stderr=True)
    if static:
        sides = whole_numbers("--sizes", sizes, "96,128") if sizes is not None else [chosen.model.image]
        checkpoints = train_static(chosen, sides, output, cache, pretrained, console)
    else:
        checkpoints = [run(chosen, output, cache, pretrained, console)]
    for checkpoint in checkpoints:
        print(f"{checkpoint}: trained; next: gfnet-mobile export {checkpoint} --target onnx --output bundles")
