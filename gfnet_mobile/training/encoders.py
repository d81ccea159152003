"""Stages 1 and 3: encoders and exit head learn from the cross entropy of every step (paper, section 3.4)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.training.recipe import EncoderStage
from gfnet_mobile.training.rollout import policy_patches, random_patches, rollout
from gfnet_mobile.training.value_map import glance_gives_map


class EncoderTraining:
    """One stage's optimiser. The policy stays fixed and in evaluation mode; so does a glance that gives its map, while
    it places the patches."""

    def __init__(self, model: GlanceFocusNet, stage: EncoderStage) -> None:
        self.model = model
        self.propose = random_patches if stage.patches == "random" else policy_patches
        fixed: list[nn.Module | None] = [model.policy]
        if stage.patches == "policy" and glance_gives_map(model):
            fixed.append(model.glance)
        self.fixed = nn.ModuleList(filter(None, fixed))
        learning = nn.ModuleList(one for one in (model.glance, model.focus, model.head) if one and one not in fixed)
        parameters = list(learning.parameters())
        decayed = [p for p in parameters if p.ndim > 1]
        plain = [p for p in parameters if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=stage.lr, weight_decay=stage.weight_decay)

    def step(self, x: Tensor, labels: Tensor) -> dict[str, float]:
        """One update on a batch; gives what the log should hold."""
        self.model.train()
        self.fixed.eval()
        logits = list(rollout(self.model, x, self.propose(self.model, x)))
        loss = torch.stack([functional.cross_entropy(step, labels) for step in logits]).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        first, last = ((step.argmax(1) == labels).float().mean().item() for step in (logits[0], logits[-1]))
        return {"loss": loss.item(), "first": first, "last": last}
