"""Stage 2 for the GRU policy: PPO (paper, section 3.4).

An action is drawn from a normal distribution around the policy's mean, standard deviation 0.1; the reward of a step is
the increase of the true class's probability; γ = 0.7, ratios clipped at 0.2, two passes over each batch.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from gfnet_mobile.models.crop import crop, position_of
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.policy import GruPolicy
from gfnet_mobile.training.recipe import PolicyStage
from gfnet_mobile.training.rollout import true_probability

GAMMA, CLIP, DEVIATION = 0.7, 0.2, 0.1
PASSES = 2
"""over each batch; with a single one no ratio would ever leave 1"""


class PpoTraining:
    """One stage's optimiser and critic. The critic is needed here alone and is never exported."""

    def __init__(self, model: GlanceFocusNet, stage: PolicyStage) -> None:
        assert isinstance(model.policy, GruPolicy)
        self.model, self.policy = model, model.policy
        self.critic = nn.Linear(self.policy.hidden_size, 1)
        parameters = [*self.policy.parameters(), *self.critic.parameters()]
        self.optimiser = torch.optim.AdamW(parameters, lr=stage.lr, weight_decay=0.0)

    def step(self, x: Tensor, labels: Tensor) -> dict[str, float]:
        """One batch of sequences and the updates on it; gives what the log should hold."""
        self.model.eval()
        with torch.no_grad():
            states, actions, old, rewards = self._play(x, labels)
        returns = _discounted(rewards)
        for _ in range(PASSES):
            means, values = self._replay(states)
            ratio = (Normal(means, DEVIATION).log_prob(actions).sum(2) - old).exp()
            advantage = returns - values.detach()
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-5)
            gain = torch.minimum(ratio * advantage, ratio.clamp(1 - CLIP, 1 + CLIP) * advantage).mean()
            loss = 0.5 * (values - returns).square().mean() - gain
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self.optimiser.step()
        return {"loss": loss.item(), "first": rewards[0].mean().item(), "total": rewards.sum(0).mean().item()}

    def _play(self, x: Tensor, labels: Tensor) -> tuple[list[Tensor], Tensor, Tensor, Tensor]:
        """States seen by the policy; actions [T−1, B, 2]; their log-probabilities [T−1, B]; rewards [T−1, B]."""
        model = self.model
        assert model.focus is not None
        feature, state = model.glance(model.resize(x))
        logits, memory = model.head(0, feature, model.initial_memory(len(x)))
        before, hidden = true_probability(logits, labels), self.policy.begin(state)
        states, actions, log_probabilities, rewards = [], [], [], []
        for step in range(1, model.config.steps):
            mean, hidden = self.policy.action(state, hidden)
            choice = Normal(mean, DEVIATION)
            action = choice.sample()
            states.append(state)
            actions.append(action)
            log_probabilities.append(choice.log_prob(action).sum(1))
            place = position_of(action.clamp(0, 1), model.config.image, model.config.patch)
            feature, state = model.focus(crop(x, place, model.config.patch))
            logits, memory = model.head(step, feature, memory)
            after = true_probability(logits, labels)
            rewards.append(after - before)
            before = after
        return states, torch.stack(actions), torch.stack(log_probabilities), torch.stack(rewards)

    def _replay(self, states: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Mean actions [T−1, B, 2] and values [T−1, B] along the same states, with gradients through the GRU."""
        hidden = self.policy.begin(states[0])
        means, values = [], []
        for state in states:
            mean, hidden = self.policy.action(state, hidden)
            means.append(mean)
            values.append(self.critic(hidden)[:, 0])
        return torch.stack(means), torch.stack(values)


def _discounted(rewards: Tensor) -> Tensor:
    """Rewards [T−1, B] → returns of the same shape."""
    returns = rewards.clone()
    for step in range(len(rewards) - 2, -1, -1):
        returns[step] += GAMMA * returns[step + 1]
    return returns
