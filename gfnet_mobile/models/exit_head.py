"""Exit head f_C: ``feature, memory → logits, memory`` at each step. A new kind is one class here."""

import torch
from torch import Tensor, nn

from gfnet_mobile.models.config import CascadeHeadConfig, ModelConfig, OwnHeadConfig, RecurrentHeadConfig
from gfnet_mobile.models.gru import GruCell


class RecurrentHead(nn.Module):
    """GRU over the features, linear layer on its state. ``memory`` is [B, H], zero before the glance."""

    def __init__(self, config: RecurrentHeadConfig, feature_size: int, classes: int) -> None:
        super().__init__()
        self.hidden = config.hidden
        self.gru = GruCell(feature_size, config.hidden)
        self.classifier = nn.Linear(config.hidden, classes)
        self.glance_classifier = nn.Linear(feature_size, classes) if config.glance == "classifier" else None

    def memory_size(self, step: int) -> int:
        """Width of the memory that ``step`` takes, counted from 0."""
        return self.hidden

    def forward(self, step: int, feature: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        memory = self.gru(feature, memory)
        if step == 0 and self.glance_classifier is not None:
            return self.glance_classifier(feature), memory
        return self.classifier(memory), memory


class CascadeHead(nn.Module):
    """Step t has a classifier of its own on the t + 1 features seen. ``memory`` is [B, t·F], empty at first."""

    def __init__(self, config: CascadeHeadConfig, feature_size: int, classes: int, steps: int) -> None:
        super().__init__()
        self.feature_size = feature_size
        self.classifiers = nn.ModuleList(nn.Linear((t + 1) * feature_size, classes) for t in range(steps))

    def memory_size(self, step: int) -> int:
        return step * self.feature_size

    def forward(self, step: int, feature: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        memory = torch.cat([memory, feature], 1) if step else feature
        return self.classifiers[step](memory), memory


class OwnHead(nn.Module):
    """Nothing: the backbone has classified the image already, its logits come as ``feature``. No memory."""

    def memory_size(self, step: int) -> int:
        return 0

    def forward(self, step: int, feature: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        return feature, memory


def build_head(model: ModelConfig, feature_size: int) -> RecurrentHead | CascadeHead | OwnHead:
    if isinstance(model.head, OwnHeadConfig):
        return OwnHead()
    if isinstance(model.head, RecurrentHeadConfig):
        return RecurrentHead(model.head, feature_size, model.classes)
    return CascadeHead(model.head, feature_size, model.classes, model.steps)
