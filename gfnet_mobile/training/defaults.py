"""The recipe for one's own images: the paper's three stages in the proportions that the demo was trained with."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.data.folder import class_names, labelled_files
from gfnet_mobile.errors import UserError, first_problem
from gfnet_mobile.models.config import EncoderConfig, GruPolicyConfig, ModelConfig, ValueMapPolicyConfig
from gfnet_mobile.training.recipe import EncoderStage, Folder, PolicyStage, Recipe


def folder_recipe(
    folder: Path,
    *,
    name: str,
    backbone: str,
    image: int,
    patch: int,
    steps: int,
    epochs: float,
    batch: int,
    policy: Literal["value_map", "gru"],
    seed: int,
) -> Recipe:
    """Stages for ``folder/train`` and ``folder/val`` that see each image about ``epochs`` times in all.

    A third of the views goes to random patches, a sixth to the policy, half to fine-tuning. Raises UserError for
    folders without classes, unlike classes in train and val, and sizes that do not fit together.
    """
    training = labelled_files(folder / "train")
    labels = training.classes
    if class_names(folder / "val") != labels:
        raise UserError(f"{folder}: train and val do not hold the same class folders")
    views = max(6 * batch, round(len(training.files) * epochs))
    encoder = EncoderConfig(backbone=backbone)
    look = ValueMapPolicyConfig() if policy == "value_map" else GruPolicyConfig()
    try:
        model = ModelConfig(
            name=name,
            classes=len(labels),
            labels=labels,
            steps=steps,
            patch=patch,
            glance_encoder=encoder,
            focus_encoder=encoder,
            policy=look,
            preprocessing=Preprocessing(size=image, resize=image, filter="bilinear"),
        )
    except ValidationError as error:
        raise UserError(f"train: {first_problem(error)}") from error
    stages = (
        EncoderStage(patches="random", views=views // 3, batch=batch),
        PolicyStage(views=views // 6, batch=batch),
        EncoderStage(patches="policy", views=views // 2, batch=batch),
    )
    return Recipe(model=model, data=Folder(path=folder), stages=stages, seed=seed)
