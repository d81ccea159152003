"""Where to look next. A policy is ``state, hidden → position, hidden``; a new kind is one class here."""

import torch
from torch import Tensor, nn

from gfnet_mobile.models.config import GruPolicyConfig, ModelConfig, ValueMapPolicyConfig
from gfnet_mobile.models.crop import position_of
from gfnet_mobile.models.gru import GruCell

SEEN = 4.0
"""what a place itself loses once it has been looked at; values are differences of probabilities, from -1 to 1"""


class GruPolicy(nn.Module):
    """π of the paper (section 3.2): ``state`` [B, C, s, s], ``hidden`` [B, H] → ``position`` int32 [B, 2], ``hidden``."""

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

    def action(self, state: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The mean action, [B, 2] in [0, 1], and the next ``hidden``."""
        hidden = self.gru(self.encoder(state), hidden)
        return torch.sigmoid(self.actor(hidden)), hidden

    def forward(self, state: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        action, hidden = self.action(state, hidden)
        return position_of(action, self.image, self.patch), hidden


class ValueMapPolicy(nn.Module):
    """A map of expected gains, fitted to the glance's state; each step takes the best place and marks it as seen.

    ``state`` [B, C, s, s], ``hidden`` [B, G·G + 1] → ``position`` int32 [B, 2], ``hidden``. ``hidden`` holds the map
    as it stands after earlier looks, and a last entry that is 0 until there is one.
    """

    positions: Tensor
    """int32 [G·G, 2], top-left pixels of the places"""
    seen: Tensor
    """[G·G, G·G], what the places lose when the patch at one of them has been seen"""

    def __init__(self, config: ValueMapPolicyConfig, model: ModelConfig, state_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = state_shape
        cells = config.grid * config.grid
        self.hidden_size = cells + 1
        self.grid, self.reach = config.grid, model.image - model.patch
        self.values = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(channels * height * width, config.width),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(config.width, cells),
        )
        places = torch.arange(config.grid) * (model.image - model.patch) // (config.grid - 1)
        positions = torch.cartesian_prod(places, places).to(torch.int32)
        self.register_buffer("positions", positions, persistent=False)
        apart = (positions[:, None] - positions[None]).abs().float() / model.patch
        overlap = (1 - apart).clamp(min=0).prod(-1)
        self.register_buffer("seen", config.suppression * overlap + SEEN * torch.eye(cells), persistent=False)

    def at(self, values: Tensor, position: Tensor) -> Tensor:
        """The map ``values`` [B, G·G] between its places, at ``position`` int32 [B, 2]: [B]. For training."""
        grid = (position.flip(1) / (self.reach / 2) - 1)[:, None, None]
        maps = values.view(-1, 1, self.grid, self.grid)
        return nn.functional.grid_sample(maps, grid, align_corners=True)[:, 0, 0, 0]

    def forward(self, state: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        started = hidden[:, -1:]
        values = hidden[:, :-1] * started + self.values(state) * (1 - started)
        best = values.argmax(1)
        values = values - self.seen[best]
        return self.positions[best], torch.cat([values, torch.ones_like(started)], 1)


def build_policy(model: ModelConfig, state_shape: tuple[int, int, int]) -> GruPolicy | ValueMapPolicy:
    if isinstance(model.policy, ValueMapPolicyConfig):
        return ValueMapPolicy(model.policy, model, state_shape)
    assert isinstance(model.policy, GruPolicyConfig)
    return GruPolicy(model.policy, model, state_shape)
