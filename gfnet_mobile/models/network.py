"""The glance-and-focus network as one module, for training and as the reference that every export is held against."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gfnet_mobile.errors import UserError
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.models.crop import crop
from gfnet_mobile.models.encoder import Classifier, Encoder
from gfnet_mobile.models.exit_head import build_head
from gfnet_mobile.models.policy import build_policy
from gfnet_mobile.models.resize import Resize


@dataclass(frozen=True)
class BatchStep:
    """One step of a batch. Besides the answer it carries the four tensors as they stand after the step."""

    index: int
    """0 is the glance"""
    logits: Tensor
    """[B, K]"""
    probabilities: Tensor
    """[B, K]"""
    confidence: Tensor
    """[B], the largest probability"""
    label: Tensor
    """int64 [B]"""
    position: Tensor | None
    """int32 [B, 2], row and column of the patch's top-left pixel; none at the glance"""
    patch_size: int | None
    patch: Tensor
    """[B, 3, P, P], what the encoder saw (normalised); [B, 3, G, G] at the glance"""
    feature: Tensor
    """[B, F]"""
    state: Tensor
    """[B, C, s, s]"""
    hidden: Tensor
    """[B, H], the policy's"""
    memory: Tensor
    """[B, M], the exit head's"""


class GlanceFocusNet(nn.Module):
    """Paper, section 3. ``steps(x)`` yields T steps for a normalised batch ``x`` [B, 3, S, S]."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.resize = Resize(config.image, config.glance_side, config.glance_filter)
        if config.head.kind == "own":
            self.glance: Encoder | Classifier = Classifier(config.glance_encoder, config.glance_side, config.classes)
        else:
            self.glance = Encoder(config.glance_encoder, config.glance_side)
        self.focus = Encoder(config.focus_encoder, config.patch) if config.focus_encoder else None
        self.policy = build_policy(config, self.glance.state_shape) if config.policy else None
        reads_state = self.policy is not None and self.policy.reads_state
        if self.focus and reads_state and self.focus.state_shape != self.glance.state_shape:
            raise UserError("glance and focus encoder differ in the shape of their state; a GRU policy reads both")
        self.head = build_head(config, self.glance.feature_size, (self.focus or self.glance).feature_size)

    def normalise(self, image: Tensor) -> Tensor:
        """RGB in [0, 1] → what the encoders were trained on."""
        mean = torch.tensor(self.config.mean, device=image.device)[:, None, None]
        std = torch.tensor(self.config.std, device=image.device)[:, None, None]
        return (image - mean) / std

    def look(self, state: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The policy: ``position`` int32 [B, 2] of the next patch, and the next ``hidden``."""
        assert self.policy is not None
        return self.policy(state, hidden) if self.policy.reads_state else self.policy(hidden)

    def initial_memory(self, batch: int) -> Tensor:
        return torch.zeros(batch, self.head.memory_size(0))

    def steps(self, x: Tensor) -> Iterator[BatchStep]:
        """Yields the steps; computes none that is not asked for. Raises UserError for a batch of another size."""
        size, patch_size = self.config.image, self.config.patch
        if x.ndim != 4 or x.shape[1:] != (3, size, size):
            raise UserError(f"input {list(x.shape)}: this network takes [B, 3, {size}, {size}]")
        patch, position = self.resize(x), None
        hidden = x.new_zeros(len(x), self.policy.hidden_size if self.policy else 0)
        memory = self.initial_memory(len(x))
        feature, state = self.glance(patch)
        for index in range(self.config.steps):
            if self.policy and index == self.policy.begins_at:  # patch and state are still the glance's
                hidden = self.policy.begin(state, patch)
            if index and self.policy and self.focus:
                position, hidden = self.look(state, hidden)
                patch = crop(x, position, patch_size)
                feature, state = self.focus(patch)
            logits, memory = self.head(index, feature, memory)
            probabilities = logits.softmax(1)
            confidence, label = probabilities.max(1)
            yield BatchStep(
                index, logits, probabilities, confidence, label, position, patch_size if index else None,
                patch, feature, state, hidden, memory,
            )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """Logits of all steps, [B, T, K]."""
        return torch.stack([step.logits for step in self.steps(x)], 1)
