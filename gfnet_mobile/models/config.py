"""What a checkpoint says of its network: everything needed to build it again, nothing else."""

from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

from gfnet_mobile.bundle.manifest import Preprocessing

GlanceFilter = Literal["bilinear", "bicubic", "subsample"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def glance_stride(image: int, glance: int) -> int:
    """k of a glance that is every k-th pixel, from the sides of both."""
    return ceil(image / glance)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EncoderConfig(_Strict):
    """A timm backbone by name, convolutional where there is more than one step, and what its constructor is given."""

    backbone: str
    options: dict[str, Any] = {}
    reduction: PositiveInt | None = None
    """where it is cut: only the stages down to 1/``reduction`` of the resolution; whole where it is left out"""


class GruPolicyConfig(_Strict):
    """The paper's policy: a small encoder, a GRU, an actor. Paper, section 3.2; figures in the released code."""

    kind: Literal["gru"] = "gru"
    encoder: Literal["linear", "conv"] = "conv"
    """two linear layers on the flattened state, or a 1 × 1 convolution to 32 channels and one linear layer"""
    hidden: PositiveInt = 256


class ValueMapPolicyConfig(_Strict):
    """A map: what is a look at each place worth? Drawn from the state of a glance that is cut (``reduction``); beside a
    whole glance from the first stages of its backbone, with weights of their own."""

    kind: Literal["value_map"] = "value_map"
    width: PositiveInt = 32
    """channels of the one hidden layer"""
    suppression: float = Field(2.0, ge=0)
    """how much value a place loses when a patch that covers it has been seen"""


class RecurrentHeadConfig(_Strict):
    """GRU and linear layer. ``glance`` says who answers first: the same GRU, or a classifier on the glance's feature
    (RegNet; the GRU is stepped with that feature all the same)."""

    kind: Literal["recurrent"] = "recurrent"
    hidden: PositiveInt = 1024
    glance: Literal["recurrent", "classifier"] = "recurrent"


class CascadeHeadConfig(_Strict):
    """One linear layer per step on all features seen so far, oldest first."""

    kind: Literal["cascade"] = "cascade"


class OwnHeadConfig(_Strict):
    """The backbone's own classifier: a static network as timm has it, be it a transformer."""

    kind: Literal["own"] = "own"


class About(_Strict):
    """What a file that is handed on should say of the network, where its format has a place for it."""

    author: str | None = None
    licence: str | None = None
    version: str | None = None
    description: str | None = None
    """a few words; the network's name stands in for them"""


class ModelConfig(_Strict):
    """A glance-and-focus network. With one step it is a static network: the whole image, once."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    classes: int = Field(ge=2)
    steps: int = Field(ge=1, le=8)
    patch: int = Field(ge=8)
    """side P of every patch, pixels"""
    glance: int | None = Field(None, ge=8)
    """side G of the glance, pixels; as large as a patch where it is left out, as in the paper"""
    glance_filter: GlanceFilter = "bilinear"
    """down-sampling of the image to the glance, no antialiasing: between pixels, corners aligned; or every k-th pixel
    of every k-th row, G = ⌈S / k⌉, which costs nothing where the first convolution does it (`export.stem`)"""
    glance_encoder: EncoderConfig
    focus_encoder: EncoderConfig | None = None
    policy: Annotated[GruPolicyConfig | ValueMapPolicyConfig, Field(discriminator="kind")] | None = None
    """focus encoder and policy are there if and only if there is more than one step"""
    head: RecurrentHeadConfig | CascadeHeadConfig | OwnHeadConfig = Field(CascadeHeadConfig(), discriminator="kind")
    preprocessing: Preprocessing
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    labels: tuple[str, ...] | None = None
    about: About = About()

    @property
    def image(self) -> int:
        """Side S of the image, pixels."""
        return self.preprocessing.size

    @property
    def glance_side(self) -> int:
        """Side G of the glance, pixels."""
        return self.glance or self.patch

    @model_validator(mode="after")
    def _is_consistent(self) -> "ModelConfig":
        if ((self.focus_encoder is None) or (self.policy is None)) != (self.steps == 1):
            raise ValueError("focus_encoder and policy go with two steps or more, and a single step has neither")
        if self.head.kind == "own" and self.steps > 1:
            raise ValueError("head 'own' is a static network's: it has a single step")
        if max(self.patch, self.glance_side) > self.image:
            raise ValueError(f"patch {self.patch} or glance {self.glance_side} is larger than the image {self.image}")
        stride = glance_stride(self.image, self.glance_side)
        if self.glance_filter == "subsample" and ceil(self.image / stride) != self.glance_side:
            there = f"{stride} takes {ceil(self.image / stride)}"
            raise ValueError(f"glance {self.glance_side}: no stride takes as many pixels of {self.image}; {there}")
        if self.labels is not None and len(self.labels) != self.classes:
            raise ValueError(f"{len(self.labels)} labels for {self.classes} classes")
        if min(self.std) <= 0:
            raise ValueError("std must be positive")
        return self
