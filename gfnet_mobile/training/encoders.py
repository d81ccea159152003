"""Stages 1 and 3: encoders and exit head learn from the cross entropy of every step (paper, section 3.4).

With a value map, random patches teach one thing more: what each look has gained is a sample of the map, and regression
to it reaches into the glance encoder, so that its state comes to say where things are and not only what they are.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.policy import ValueMapPolicy
from gfnet_mobile.training.recipe import EncoderStage
from gfnet_mobile.training.rollout import Look, policy_patches, random_patches, rollout, true_probability

MAP_WEIGHT = 10.0
"""of the map's squared error beside the cross entropy; gains are small numbers"""


class EncoderTraining:
    """One stage's optimiser. The policy, if it places the patches, stays fixed and in evaluation mode."""

    def __init__(self, model: GlanceFocusNet, stage: EncoderStage) -> None:
        self.model, self.stage = model, stage
        modules = [module for module in (model.glance, model.focus, model.head) if module is not None]
        self.map = None
        if stage.patches == "random" and isinstance(model.policy, ValueMapPolicy):
            self.map = model.policy
            modules.append(model.policy)
        parameters = [parameter for module in modules for parameter in module.parameters()]
        decayed = [p for p in parameters if p.ndim > 1]
        plain = [p for p in parameters if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=stage.lr, weight_decay=stage.weight_decay)

    def step(self, x: Tensor, labels: Tensor) -> dict[str, float]:
        """One update on a batch; gives what the log should hold."""
        self.model.train()
        if self.model.policy is not None:
            self.model.policy.train(self.map is not None)
        propose = (random_patches if self.stage.patches == "random" else policy_patches)(self.model)
        looks = list(rollout(self.model, x, propose))
        loss = torch.stack([functional.cross_entropy(look.logits, labels) for look in looks]).mean()
        total = loss if self.map is None else loss + MAP_WEIGHT * _map_error(self.map, looks, labels)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.optimiser.step()
        first, last = ((look.logits.argmax(1) == labels).float().mean().item() for look in (looks[0], looks[-1]))
        return {"loss": loss.item(), "first": first, "last": last}


def _map_error(policy: ValueMapPolicy, looks: list[Look], labels: Tensor) -> Tensor:
    """Mean squared error of the map, read off the glance's state, at the places that were looked at."""
    values = policy.values(looks[0].state)
    sure = [true_probability(look.logits.detach(), labels) for look in looks]
    gains = [after - before for before, after in pairwise(sure)]
    errors = [policy.at(values, look.position) - gain for look, gain in zip(looks[1:], gains, strict=True)]
    return torch.stack(errors).square().mean()
