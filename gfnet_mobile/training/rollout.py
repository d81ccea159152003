"""The sequence of steps as training needs it: patches from any proposer, logits of every step with gradients."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gfnet_mobile.models.crop import crop
from gfnet_mobile.models.network import GlanceFocusNet

Propose = Callable[[int, Tensor], Tensor]
"""step (1 is the first patch), state [B, C, s, s] → position int32 [B, 2]"""


class Look(NamedTuple):
    """One step of a batch."""

    logits: Tensor
    """[B, K]"""
    state: Tensor
    """[B, C, s, s]"""
    position: Tensor
    """int32 [B, 2]; of no meaning at the glance"""


def rollout(model: GlanceFocusNet, x: Tensor, propose: Propose) -> Iterator[Look]:
    """The steps on normalised ``x`` [B, 3, S, S], with gradients, patches placed by ``propose``."""
    position = torch.zeros(len(x), 2, dtype=torch.int32)
    feature, state = model.glance(model.resize(x))
    logits, memory = model.head(0, feature, model.initial_memory(len(x)))
    yield Look(logits, state, position)
    for step in range(1, model.config.steps):
        assert model.focus is not None
        position = propose(step, state.detach())
        feature, state = model.focus(crop(x, position, model.config.patch))
        logits, memory = model.head(step, feature, memory)
        yield Look(logits, state, position)


def true_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax probability of the true class, [B], from logits [B, K]; what a step gains is its increase."""
    return logits.softmax(1).gather(1, labels[:, None])[:, 0]


def random_patches(model: GlanceFocusNet) -> Propose:
    """Uniform over all places: stage 1 of the paper."""
    places = model.config.image - model.config.patch + 1
    return lambda step, state: torch.randint(0, places, (len(state), 2), dtype=torch.int32)


def centre_patches(model: GlanceFocusNet) -> Propose:
    """The image's centre, then around it at the distance of half a patch: the paper's ablation without a policy."""
    middle, half = (model.config.image - model.config.patch) // 2, model.config.patch // 2
    offsets = [(0, 0), (-half, -half), (half, half), (-half, half), (half, -half), (-half, 0), (half, 0)]

    def propose(step: int, state: Tensor) -> Tensor:
        row, column = offsets[(step - 1) % len(offsets)]
        last = 2 * middle
        place = torch.tensor([min(max(middle + row, 0), last), min(max(middle + column, 0), last)], dtype=torch.int32)
        return place.expand(len(state), 2)

    return propose


def policy_patches(model: GlanceFocusNet) -> Propose:
    """The model's own policy, without gradients. A proposer serves one batch: it carries ``hidden``."""
    hidden: Tensor | None = None

    def propose(step: int, state: Tensor) -> Tensor:
        nonlocal hidden
        assert model.policy is not None
        with torch.no_grad():
            position, hidden = model.policy(state, model.initial_hidden(len(state)) if hidden is None else hidden)
        return position

    return propose


@torch.inference_mode()
def logits_of(
    model: GlanceFocusNet,
    batches: Iterator[tuple[Tensor, Tensor]],
    propose: Callable[[GlanceFocusNet], Propose] = policy_patches,
) -> tuple[np.ndarray, np.ndarray]:
    """Logits float32 [N, T, K] and labels int64 [N] of a data set, the model in evaluation mode."""
    training = model.training
    model.eval()
    logits, labels = [], []
    for x, y in batches:
        logits.append(torch.stack([look.logits for look in rollout(model, x, propose(model))], 1))
        labels.append(y)
    model.train(training)
    return torch.cat(logits).numpy(), torch.cat(labels).numpy()


def accuracy(logits: np.ndarray, labels: np.ndarray) -> list[float]:
    """Share of right answers at each step, from logits [N, T, K]."""
    return [float(share) for share in (logits.argmax(2) == labels[:, None]).mean(0)]
