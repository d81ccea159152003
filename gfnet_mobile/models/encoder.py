"""Encoder: a timm convolutional backbone seen as ``x → feature, state``."""

from typing import Any

import timm
import torch
from torch import Tensor, nn

from gfnet_mobile.errors import UserError
from gfnet_mobile.models import backbones as _registered  # noqa: F401  (importing it registers them)
from gfnet_mobile.models.config import EncoderConfig


class Encoder(nn.Module):
    """f_G or f_L of the paper (section 3.1): normalised ``[B, 3, P, P]`` → ``feature`` [B, F], ``state`` [B, C, s, s].

    ``state`` is timm's last feature map, ``feature`` the pooled vector that timm would hand to its classifier. Of a
    backbone that is cut, ``state`` is the map at the cut, s = P / ``reduction``, and ``feature`` its mean, F = C.
    Raises UserError for a name that timm does not know, and for a network whose features are no map or that has no
    stage at that resolution.
    """

    def __init__(self, config: EncoderConfig, patch: int) -> None:
        super().__init__()
        self.backbone = _create(config)
        self.stage = None if config.reduction is None else _cut(self.backbone, config)
        feature, state = _first_look(self, config.backbone, patch)
        if state.ndim != 4 or feature.ndim != 2:
            raise UserError(
                f"backbone {config.backbone!r}: its last features are no [B, C, s, s] map; take a convolutional one"
            )
        self.feature_size = feature.shape[1]
        self.state_shape = (state.shape[1], state.shape[2], state.shape[3])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.stage is None:
            state = self.backbone.forward_features(x)
            return self.backbone.forward_head(state, pre_logits=True), state
        maps = self.backbone.forward_intermediates(x, indices=[self.stage], intermediates_only=True, stop_early=True)
        return maps[0].mean((2, 3)), maps[0]


class Classifier(nn.Module):
    """A timm classifier as it is, in the place of an encoder: normalised ``[B, 3, S, S]`` → its logits [B, K] as
    ``feature``, and an empty ``state`` [B, 0, 1, 1], since nobody looks again.

    Raises UserError for a name that timm does not know, and for a network that does not take images of that size.
    """

    def __init__(self, config: EncoderConfig, size: int, classes: int) -> None:
        super().__init__()
        self.backbone = _create(config, classes)
        self.feature_size, self.state_shape = classes, (0, 1, 1)
        logits, _ = _first_look(self, config.backbone, size)
        if not isinstance(logits, Tensor) or logits.shape != (1, classes):
            raise UserError(f"backbone {config.backbone!r}: is no classifier, it does not give logits [B, {classes}]")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.backbone(x), x.new_zeros(len(x), *self.state_shape)


def _cut(backbone: Any, config: EncoderConfig) -> int:
    """Drops the stages below 1/``reduction`` of the resolution; gives the index of the last that stays."""
    features = backbone.feature_info
    stages = [stage["reduction"] for stage in getattr(features, "info", features)]
    if config.reduction not in stages or not hasattr(backbone, "prune_intermediate_layers"):
        there = ", ".join(f"1/{stage}" for stage in stages)
        raise UserError(f"backbone {config.backbone!r}: no stage at 1/{config.reduction} to cut it at, but {there}")
    stage: int = backbone.prune_intermediate_layers([stages.index(config.reduction)], prune_head=True)[0]
    return stage


def _first_look(encoder: nn.Module, name: str, size: int) -> tuple[Tensor, Tensor]:
    """What a black image of that size gives."""
    training = encoder.training
    encoder.eval()
    try:
        with torch.no_grad():
            return encoder(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"backbone {name!r}: does not take a {size} pixel image: {reason}") from error
    finally:
        encoder.train(training)


def _create(config: EncoderConfig, classes: int = 0) -> Any:
    try:
        return timm.create_model(config.backbone, num_classes=classes, **config.options)
    except Exception as error:  # timm raises whatever its constructors raise
        raise UserError(f"backbone {config.backbone!r}: {str(error) or type(error).__name__}") from error
