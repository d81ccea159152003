"""Where to look next. A policy is ``state, hidden → position, hidden``; a new kind is one class here.

``begin`` gives the first ``hidden``, in the step ``begins_at``; ``reads_state`` says whether the policy is called with
a state at all.
"""

import torch
from torch import Tensor, nn

from gfnet_mobile.models.config import GruPolicyConfig, ModelConfig, ValueMapPolicyConfig
from gfnet_mobile.models.crop import position_of
from gfnet_mobile.models.encoder import Encoder
from gfnet_mobile.models.gru import GruCell

SEEN = 10.0
"""what a place itself loses once it has been looked at; values rank places, a difference of 1 is much"""


class GruPolicy(nn.Module):
    """π of the paper (section 3.2): ``state`` [B, C, s, s], ``hidden`` [B, H] → ``position`` int32 [B, 2], ``hidden``
    [B, H]."""

    reads_state = True
    begins_at = 0

    def __init__(self, config: GruPolicyConfig, model: ModelConfig, state_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = state_shape
        self.image, self.patch, self.hidden_size = model.image, model.patch, config.hidden
        if config.encoder == "conv":
            self.encoder = nn.Sequential(
                nn.Conv2d(channels, 32, 1, bias=False),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * height * width, config.hidden),
                nn.ReLU(),
            )
        else:
            self.encoder = nn.Sequential(
                nn.Flatten(),
                nn.Linear(channels * height * width, 2048),
                nn.ReLU(),
                nn.Linear(2048, config.hidden),
                nn.ReLU(),
            )
        self.gru = GruCell(config.hidden, config.hidden)
        self.actor = nn.Linear(config.hidden, 2)

    def begin(self, state: Tensor, small_image: Tensor | None = None) -> Tensor:
        """``hidden`` before the first look: zeros [B, H]."""
        return state.new_zeros(len(state), self.hidden_size)

    def action(self, state: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The mean action, [B, 2] in [0, 1], and the next ``hidden``."""
        hidden = self.gru(self.encoder(state), hidden)
        return torch.sigmoid(self.actor(hidden)), hidden

    def forward(self, state: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        action, hidden = self.action(state, hidden)
        return position_of(action, self.image, self.patch), hidden


class ValueMapPolicy(nn.Module):
    """A map of what a look at each place would gain, drawn once; then the best place, each time that has not been seen
    yet.

    Drawn from the state of a glance that is cut; the state of a whole one is too coarse, and beside it the first stages
    of its backbone, with weights of their own, read its image once more, at an eighth of its resolution.
    ``hidden`` [B, g·g] is the map as it stands; looks read no state. ``forward`` gives ``position`` int32 [B, 2] and
    ``hidden`` with what the patch there covers taken off.
    """

    reads_state = False
    positions: Tensor
    """int32 [g·g, 2], top-left pixels of the places"""
    seen: Tensor
    """[g·g, g·g], what the places lose when the patch at one of them has been seen"""

    def __init__(self, config: ValueMapPolicyConfig, model: ModelConfig, state_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.trunk = None if model.glance_encoder.reduction else _trunk(model)
        self.begins_at = 0 if self.trunk is None else 1  # one who leaves at the glance need not pay for a trunk
        channels, grid, _ = state_shape if self.trunk is None else self.trunk.state_shape
        self.values = nn.Sequential(
            nn.Conv2d(channels, config.width, 3, padding=1, bias=False),
            nn.BatchNorm2d(config.width),
            nn.ReLU(inplace=True),
            nn.Conv2d(config.width, 1, 1),
            nn.Flatten(),
        )
        self.hidden_size = grid * grid
        centres = (2 * torch.arange(grid) + 1) * model.image // (2 * grid)
        places = (centres - model.patch // 2).clamp(0, model.image - model.patch)
        positions = torch.cartesian_prod(places, places).to(torch.int32)
        self.register_buffer("positions", positions, persistent=False)
        apart = (positions[:, None] - positions[None]).abs().float() / model.patch
        overlap = (1 - apart).clamp(min=0).prod(-1)
        self.register_buffer("seen", config.suppression * overlap + SEEN * torch.eye(len(positions)), persistent=False)

    def begin(self, state: Tensor, small_image: Tensor) -> Tensor:
        """``hidden`` before the first look, from the glance's state or, by the trunk, from its image [B, 3, G, G]
        (normalised)."""
        return self.values(state if self.trunk is None else self.trunk(small_image)[1])

    def take(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The best place, an index [B] into ``positions``, and the next ``hidden``."""
        best = hidden.argmax(1)
        return best, hidden - self.seen[best]

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        best, hidden = self.take(hidden)
        return self.positions[best], hidden


def _trunk(model: ModelConfig) -> Encoder:
    return Encoder(model.glance_encoder.model_copy(update={"reduction": 8}), model.glance_side)


def build_policy(model: ModelConfig, state_shape: tuple[int, int, int]) -> GruPolicy | ValueMapPolicy:
    if isinstance(model.policy, ValueMapPolicyConfig):
        return ValueMapPolicy(model.policy, model, state_shape)
    assert isinstance(model.policy, GruPolicyConfig)
    return GruPolicy(model.policy, model, state_shape)
