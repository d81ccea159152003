"""Stage 2 for the value map: ranking places by what a look there gains.

For each image a few places are looked at, and the map learns which of them raised the true class's log-odds most,
without a sequential agent. The paper rewards its policy with the gain in probability (section 3.4); that is next to
nothing where the glance is sure, rightly or wrongly. A ranking asks nothing of the map but what it is for: how much
there is to gain on the image as a whole is left out. Looks are dear and the map is small, so every look is kept and
learned from many times.

A glance that is cut and gives the map learns with it. What its exit makes of that is left to the stage that follows: a
glance that has to read as well finds less (docs/demo.md).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gfnet_mobile.models.crop import crop
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.policy import ValueMapPolicy
from gfnet_mobile.training.recipe import PolicyStage

LOOKS = 4
"""places tried per image at random, and as many again where the map as it stands expects most"""
SPREAD = 0.3
"""of the noise in that choice, so that neighbours of the best place are tried too"""
UPDATES = 8
"""after each batch, each on a batch drawn from all that were seen"""
CLEAR = 6.0
"""log-odds at which an answer is as certain as it needs to be"""


class ValueMapTraining:
    """One stage's optimiser; exit head and encoders stay as they are, but for a glance that gives the map."""

    def __init__(self, model: GlanceFocusNet, stage: PolicyStage) -> None:
        assert isinstance(model.policy, ValueMapPolicy)
        self.model, self.policy = model, model.policy
        self.learning = nn.ModuleList([model.policy, model.glance] if glance_gives_map(model) else [model.policy])
        self.optimiser = torch.optim.AdamW(self.learning.parameters(), lr=stage.lr, weight_decay=0.05)
        self.seen: list[tuple[Tensor, Tensor, Tensor]] = []
        self.scale: Tensor | None = None  # deviation of the first batch's gains: their unit from then on

    def step(self, x: Tensor, labels: Tensor) -> dict[str, float]:
        """Looks at a batch and updates the map; gives what the log should hold."""
        self.model.eval()
        with torch.no_grad():
            self.seen.append(self._look(x, labels))
        self.learning.train()
        for _ in range(UPDATES):
            small_image, cells, gains = self.seen[int(torch.randint(0, len(self.seen), ()))]
            values = self._map(small_image).gather(1, cells)
            loss = functional.cross_entropy(values, gains.softmax(1))
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
        chosen = gains.gather(1, values.argmax(1, keepdim=True)).mean()
        return {"loss": loss.item(), "chosen": chosen.item(), "best": gains.amax(1).mean().item()}

    def _map(self, small_image: Tensor) -> Tensor:
        _, state = (self.policy.trunk or self.model.glance)(small_image)
        return self.policy.values(state)

    def _look(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The glance's image, cells looked at [B, L], and what each look gained [B, L], in deviations."""
        model = self.model
        assert model.focus is not None
        small_image = model.resize(x).clone()  # kept, and not all that it may be a view of
        feature, state = model.glance(small_image)
        logits, memory = model.head(0, feature, model.initial_memory(len(x)))
        before = _certainty(logits, labels)
        cells = torch.cat([self._anywhere(len(x)), self._promising(self.policy.begin(state, small_image))], 1)
        gains = []
        for look in cells.T:
            seen, _ = model.focus(crop(x, self.policy.positions[look], model.config.patch))
            gains.append(_certainty(model.head(1, seen, memory)[0], labels) - before)
        gained = torch.stack(gains, 1)
        self.scale = gained.std() if self.scale is None else self.scale
        return small_image, cells, gained / self.scale

    def _anywhere(self, batch: int) -> Tensor:
        return torch.randint(0, len(self.policy.positions), (batch, LOOKS))

    def _promising(self, values: Tensor) -> Tensor:
        """Where the map as it stands would look in turn: at the sign, say, and at what it might take for one."""
        values = values + SPREAD * torch.randn_like(values)
        cells = []
        for _ in range(LOOKS):
            cell, values = self.policy.take(values)
            cells.append(cell)
        return torch.stack(cells, 1)


def glance_gives_map(model: GlanceFocusNet) -> bool:
    """Whether the policy draws on the glance's state: then they are one network, and learn together."""
    return isinstance(model.policy, ValueMapPolicy) and model.policy.trunk is None


def _certainty(logits: Tensor, labels: Tensor) -> Tensor:
    """Log-odds of the true class against all others, [B], up to ± `CLEAR`, from logits [B, K]."""
    own = labels[:, None]
    odds = logits.gather(1, own)[:, 0] - logits.scatter(1, own, -torch.inf).logsumexp(1)
    return odds.clamp(-CLEAR, CLEAR)
