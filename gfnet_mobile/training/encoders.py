"""Stages 1 and 3: encoders and exit head learn from the cross entropy of every step (paper, section 3.4)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from gfnet_mobile.errors import UserError
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.training.recipe import EncoderStage
from gfnet_mobile.training.rollout import policy_patches, random_patches, rollout


class EncoderTraining:
    """One stage's optimiser. The policy, if it places the patches, stays fixed and in evaluation mode."""

    def __init__(self, model: GlanceFocusNet, stage: EncoderStage) -> None:
        self.model, self.stage = model, stage
        if stage.shared:
            share_weights(model)
        modules = [module for module in (model.glance, model.focus, model.head) if module is not None]
        parameters = list(dict.fromkeys(parameter for module in modules for parameter in module.parameters()))
        decayed = [p for p in parameters if p.ndim > 1]
        plain = [p for p in parameters if p.ndim <= 1]
        groups: list[dict[str, Any]] = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=stage.lr, weight_decay=stage.weight_decay)

    def step(self, x: Tensor, labels: Tensor) -> dict[str, float]:
        """One update on a batch; gives what the log should hold."""
        self.model.train()
        if self.model.policy is not None:
            self.model.policy.eval()
        propose = (random_patches if self.stage.patches == "random" else policy_patches)(self.model, x)
        logits = list(rollout(self.model, x, propose))
        loss = torch.stack([functional.cross_entropy(step, labels) for step in logits]).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        first, last = ((step.argmax(1) == labels).float().mean().item() for step in (logits[0], logits[-1]))
        return {"loss": loss.item(), "first": first, "last": last}


def share_weights(model: GlanceFocusNet) -> None:
    """Focus takes the glance's weights for its own; statistics of batch norms stay apart. Raises UserError for encoders
    that differ."""
    if model.focus is None or model.config.glance_encoder != model.config.focus_encoder:
        raise UserError("shared: needs a glance and a focus of the same backbone")
    glance = dict(model.glance.named_modules())
    for name, module in model.focus.named_modules():
        for tensor, parameter in list(glance[name].named_parameters(recurse=False)):
            setattr(module, tensor, parameter)


def own_weights(model: GlanceFocusNet) -> None:
    """The end of `share_weights`: equal weights from then on, but each network has its own."""
    assert model.focus is not None
    for module in model.focus.modules():
        for tensor, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, tensor, nn.Parameter(parameter.detach().clone()))
