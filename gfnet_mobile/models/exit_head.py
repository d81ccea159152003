"""Exit head f_C: ``feature, memory → logits, memory`` at each step. A new kind is one class here."""

import torch
from torch import Tensor, nn

from gfnet_mobile.errors import UserError
from gfnet_mobile.models.config import ModelConfig, OwnHeadConfig, RecurrentHeadConfig
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
    """Step t has a classifier of its own on the t + 1 features seen. ``memory`` [B, M] holds those before, none at
    first; the glance's feature may be of another size than the looks'."""

    def __init__(self, model: ModelConfig, glance_feature: int, feature: int) -> None:
        super().__init__()
        self.sizes = [0, *(glance_feature + look * feature for look in range(model.steps))]
        self.classifiers = nn.ModuleList(nn.Linear(size, model.classes) for size in self.sizes[1:])

    def memory_size(self, step: int) -> int:
        return self.sizes[step]

    def forward(self, step: int, feature: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        memory = torch.cat([memory, feature], 1) if step else feature
        return self.classifiers[step](memory), memory


class OwnHead(nn.Module):
    """Nothing: the backbone has classified the image already, its logits come as ``feature``. No memory."""

    def memory_size(self, step: int) -> int:
        return 0

    def forward(self, step: int, feature: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        return feature, memory


def build_head(model: ModelConfig, glance_feature: int, feature: int) -> RecurrentHead | CascadeHead | OwnHead:
    """The head of ``model``, from the sizes of the glance's feature and of a look's.

    Raises UserError where they differ and the head is the same at every step.
    """
    if isinstance(model.head, OwnHeadConfig):
        return OwnHead()
    if isinstance(model.head, RecurrentHeadConfig):
        if feature != glance_feature:
            raise UserError("glance and focus encoder differ in feature size; take a cascade head, one exit a step")
        return RecurrentHead(model.head, feature, model.classes)
    return CascadeHead(model, glance_feature, feature)
