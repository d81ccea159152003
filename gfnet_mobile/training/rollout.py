"""The sequence of steps as training needs it: patches from any proposer, logits of every step with gradients."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from gfnet_mobile.models.crop import crop
from gfnet_mobile.models.network import GlanceFocusNet

Propose = Callable[[int, Tensor], Tensor]
"""step (1 is the first patch), state [B, C, s, s] → position int32 [B, 2]"""


def rollout(model: GlanceFocusNet, x: Tensor, propose: Propose) -> Iterator[Tensor]:
    """Logits [B, K] of each step for normalised ``x`` [B, 3, S, S], patches placed by ``propose``."""
    feature, state = model.glance(model.resize(x))
    logits, memory = model.head(0, feature, model.initial_memory(len(x)))
    yield logits
    for step in range(1, model.config.steps):
        assert model.focus is not None
        position = propose(step, state.detach())
        feature, state = model.focus(crop(x, position, model.config.patch))
        logits, memory = model.head(step, feature, memory)
        yield logits


def true_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """Softmax probability of the true class, [B], from logits [B, K]; what a step gains is its increase."""
    return logits.softmax(1).gather(1, labels[:, None])[:, 0]


def random_patches(model: GlanceFocusNet, x: Tensor) -> Propose:
    """Uniform over all places: stage 1 of the paper."""
    places = model.config.image - model.config.patch + 1
    return lambda step, state: torch.randint(0, places, (len(x), 2), dtype=torch.int32)


def centre_patches(model: GlanceFocusNet, x: Tensor) -> Propose:
    """The image's centre, then its corners: the paper's ablation without a policy."""
    last = model.config.image - model.config.patch
    places = [(last // 2, last // 2), (0, 0), (last, last), (0, last), (last, 0)]

    def propose(step: int, state: Tensor) -> Tensor:
        return torch.tensor(places[(step - 1) % len(places)], dtype=torch.int32).expand(len(x), 2)

    return propose


def policy_patches(model: GlanceFocusNet, x: Tensor) -> Propose:
    """The model's own policy on one batch, without gradients."""
    with torch.no_grad():
        small_image = model.resize(x)
    hidden = x

    def propose(step: int, state: Tensor) -> Tensor:
        nonlocal hidden
        assert model.policy is not None
        with torch.no_grad():
            if step == 1:
                hidden = model.policy.begin(state, small_image)
            position, hidden = model.look(state, hidden)
        return position

    return propose


@torch.inference_mode()
def logits_of(
    model: GlanceFocusNet,
    batches: Iterator[tuple[Tensor, Tensor]],
    propose: Callable[[GlanceFocusNet, Tensor], Propose] = policy_patches,
) -> tuple[np.ndarray, np.ndarray]:
    """Logits float32 [N, T, K] and labels int64 [N] of a data set, the model in evaluation mode."""
    training = model.training
    model.eval()
    logits, labels = [], []
    for x, y in batches:
        logits.append(torch.stack(list(rollout(model, x, propose(model, x))), 1))
        labels.append(y)
    model.train(training)
    return torch.cat(logits).numpy(), torch.cat(labels).numpy()


def accuracy(logits: np.ndarray, labels: np.ndarray) -> list[float]:
    """Share of right answers at each step, from logits [N, T, K]."""
    return [float(share) for share in (logits.argmax(2) == labels[:, None]).mean(0)]
