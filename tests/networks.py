"""Small networks with seeded weights, for tests."""

from typing import Any

import torch
from torch import nn

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.models.config import (
    CascadeHeadConfig,
    EncoderConfig,
    GlanceFilter,
    GruPolicyConfig,
    ModelConfig,
    RecurrentHeadConfig,
    ValueMapPolicyConfig,
)
from gfnet_mobile.models.network import GlanceFocusNet

POLICIES = {
    "value_map": ValueMapPolicyConfig(width=16),
    "conv": GruPolicyConfig(encoder="conv", hidden=24),
    "linear": GruPolicyConfig(encoder="linear", hidden=24),
}
HEADS = {
    "cascade": CascadeHeadConfig(),
    "recurrent": RecurrentHeadConfig(hidden=24),
    "regnet": RecurrentHeadConfig(hidden=24, glance="classifier"),
}


def small_network(
    *,
    policy: str = "value_map",
    head: str = "cascade",
    backbone: str = "gfnet_tiny",
    steps: int = 3,
    image: int = 96,
    patch: int = 32,
    glance: int | None = None,
    glance_reduction: int | None = None,
    glance_filter: GlanceFilter = "bilinear",
    raw: bool = False,
    options: dict[str, Any] | None = None,
    seed: int = 0,
) -> GlanceFocusNet:
    """A network of 5 classes in evaluation mode, the same for the same arguments; one step makes it static, ``raw``
    one that reads RGB as it is.

    Batch norms have statistics of their own, and actors and value maps are steep, so that patches differ.
    """
    if options is None:
        options = {"channels": [16, 16, 16, 32]} if backbone == "gfnet_tiny" else {}
    encoder = EncoderConfig(backbone=backbone, options=options)
    more = {"focus_encoder": encoder, "policy": POLICIES[policy]} if steps > 1 else {}
    config = ModelConfig(
        name=f"small-{head}-{steps}",
        classes=5,
        steps=steps,
        patch=patch,
        glance=glance,
        glance_filter=glance_filter,
        glance_encoder=encoder.model_copy(update={"reduction": glance_reduction}),
        head=HEADS[head],
        preprocessing=Preprocessing(size=image, resize=image, filter="bilinear"),
        labels=("ant", "bee", "cat", "dog", "elk"),
        **({"mean": (0, 0, 0), "std": (1, 1, 1)} if raw else {}),
        **more,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = GlanceFocusNet(config)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
        if policy != "value_map" and steps > 1:
            nn.init.normal_(network.policy.actor.weight, std=4.0)
    return network.eval()
