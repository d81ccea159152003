"""A recipe: all that a training run depends on, in one TOML file."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from gfnet_mobile.errors import UserError, first_problem
from gfnet_mobile.models.config import ModelConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignScenes(_Strict):
    """The demo task, ``gfnet_mobile.data.sign_scenes``, drawn once and kept beside the run."""

    kind: Literal["sign_scenes"] = "sign_scenes"
    size: int = Field(224, ge=224, le=896)
    """side of a scene, pixels; the network may take it smaller"""
    train: PositiveInt
    validation: PositiveInt = 4000
    seed: int = 0


class DigitCanvases(_Strict):
    """Digits close by, for encoders to start from: ``gfnet_mobile.data.digit_canvases``."""

    kind: Literal["digit_canvases"] = "digit_canvases"
    train: PositiveInt
    validation: PositiveInt = 1000
    seed: int = 0
    smallest: float = Field(0.4, gt=0, lt=1)
    clutter: bool = False


class Folder(_Strict):
    """One's own images: ``path/train/CLASS/*`` and ``path/val/CLASS/*``."""

    kind: Literal["folder"] = "folder"
    path: Path
    workers: int = Field(2, ge=0)


class EncoderStage(_Strict):
    """Stages 1 and 3: encoders and exit head learn on random patches, or on those of the fixed policy."""

    kind: Literal["encoders"] = "encoders"
    patches: Literal["random", "policy"]
    views: PositiveInt
    """images seen, repeats counted"""
    batch: PositiveInt = 128
    lr: PositiveFloat = 2e-3
    weight_decay: float = Field(0.05, ge=0)


class PolicyStage(_Strict):
    """Stage 2: the policy alone learns. A GRU by PPO, a value map by ranking looks."""

    kind: Literal["policy"] = "policy"
    views: PositiveInt
    batch: PositiveInt = 128
    lr: PositiveFloat = 1e-3


Stage = Annotated[EncoderStage | PolicyStage, Field(discriminator="kind")]


class Recipe(_Strict):
    model: ModelConfig
    data: Annotated[SignScenes | DigitCanvases | Folder, Field(discriminator="kind")]
    stages: tuple[Stage, ...] = Field(min_length=1)
    seed: int = 0


def read_recipe(path: Path) -> Recipe:
    """Raises UserError with the place of the first thing that is wrong."""
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise UserError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML: {error}") from error
    except ValidationError as error:
        raise UserError(f"{path}: {first_problem(error)}") from error
