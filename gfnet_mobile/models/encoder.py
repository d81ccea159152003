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

    ``state`` is timm's last feature map, ``feature`` the pooled vector that timm would hand to its classifier.
    Raises UserError for a name that timm does not know and for a network whose features are no map.
    """

    def __init__(self, config: EncoderConfig, patch: int) -> None:
        super().__init__()
        try:
            self.backbone: Any = timm.create_model(config.backbone, num_classes=0, **config.options)
        except Exception as error:  # timm raises whatever its constructors raise
            raise UserError(f"backbone {config.backbone!r}: {str(error) or type(error).__name__}") from error
        self.feature_size, self.state_shape = self._measure(config.backbone, patch)

    def _measure(self, name: str, patch: int) -> tuple[int, tuple[int, int, int]]:
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                feature, state = self(torch.zeros(1, 3, patch, patch))
        except (RuntimeError, AssertionError, TypeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"backbone {name!r}: does not take a {patch} pixel patch: {reason}") from error
        finally:
            self.train(training)
        if state.ndim != 4 or feature.ndim != 2:
            raise UserError(f"backbone {name!r}: its last features are no [B, C, s, s] map; take a convolutional one")
        return feature.shape[1], (state.shape[1], state.shape[2], state.shape[3])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        state = self.backbone.forward_features(x)
        return self.backbone.forward_head(state, pre_logits=True), state
