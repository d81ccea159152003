"""Stage 2 for the value map: regression to what a look at a place gains.

For each image a few random places are looked at; the target is the increase of the true class's probability over the
glance's, the same quantity that the paper rewards its policy with (section 3.4), learned without a sequential agent.
"""

import torch
from torch import Tensor
from torch.nn import functional

from gfnet_mobile.models.crop import crop
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.policy import ValueMapPolicy
from gfnet_mobile.training.recipe import PolicyStage

LOOKS = 4
"""places tried per image"""


class ValueMapTraining:
    """One stage's optimiser; encoders and exit head stay as they are."""

    def __init__(self, model: GlanceFocusNet, stage: PolicyStage) -> None:
        assert isinstance(model.policy, ValueMapPolicy)
        self.model, self.policy = model, model.policy
        self.optimiser = torch.optim.AdamW(self.policy.parameters(), lr=stage.lr, weight_decay=0.01)

    def step(self, x: Tensor, labels: Tensor) -> dict[str, float]:
        """One update on a batch; gives what the log should hold."""
        self.model.eval()
        cells = torch.randint(0, len(self.policy.positions), (LOOKS, len(x)))
        with torch.no_grad():
            state, gains = self._gains(x, labels, cells)
        values = self.policy.values(state).gather(1, cells.T).T
        loss = functional.mse_loss(values, gains)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return {"loss": loss.item(), "spread": gains.var().item(), "gain": gains.mean().item()}

    def _gains(self, x: Tensor, labels: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """The glance's state, and for cells [L, B] the gain of looking there, [L, B]."""
        model = self.model
        assert model.focus is not None
        feature, state = model.glance(model.resize(x))
        logits, memory = model.head(0, feature, model.initial_memory(len(x)))
        before = _true_probability(logits, labels)
        gains = []
        for look in cells:
            seen, _ = model.focus(crop(x, self.policy.positions[look], model.config.patch))
            gains.append(_true_probability(model.head(1, seen, memory)[0], labels) - before)
        return state, torch.stack(gains)


def _true_probability(logits: Tensor, labels: Tensor) -> Tensor:
    return logits.softmax(1).gather(1, labels[:, None])[:, 0]
