"""Interpreted programs of timm's convolutional backbones beside the eager networks, exported by us and traced as any
user of coremltools would.

Every run draws two networks by the commit; ``make stress`` takes all.
"""

import copy
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools as ct

    from export.coreml import decompositions
    from gfnet_mobile.mlprogram import load

BACKBONES = (
    "convnext_atto", "cs3darknet_s", "dla34", "edgenext_xx_small", "efficientvit_m0", "fastvit_t8", "ghostnet_050",
    "hardcorenas_a", "hgnetv2_b0", "hrnet_w18_small", "inception_next_atto", "lcnet_050", "mnasnet_small",
    "mobilenetv4_conv_small", "mobileone_s0", "mobilevit_xxs", "mobilevitv2_050",
    "nf_resnet26", "poolformerv2_s12", "regnetx_002", "repghostnet_050", "repvit_m0_9", "res2net50_14w_8s",
    "resnest14d", "rexnet_100", "selecsls42", "skresnet18", "starnet_s1", "tf_efficientnetv2_b0", "tinynet_e",
    "vgg11_bn",
)  # fmt: skip
DRAWN = random.Random(os.environ.get("TEST_SEED", "0")).sample(BACKBONES, 2)
SIDE = 64
WAYS = ("exported", "traced")


pytestmark = pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")


def settled(name: str) -> nn.Module:
    """Random weights, but batch norms that have seen what they get, so that values neither vanish nor explode."""
    torch.manual_seed(1)
    network = timm.create_model(name, num_classes=10)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None
    with torch.no_grad():
        for _ in range(2):
            network.train()(torch.rand(8, 3, SIDE, SIDE))
    return network.eval()


def interpreted(source: Any, images: list[Tensor], precision: str, folder: Path) -> NDArray[np.float32]:
    path = folder / f"{precision}.mlpackage"
    with quiet():
        model = ct.convert(
            source,
            inputs=[ct.TensorType(name="image", shape=images[0].shape, dtype=np.float32)],
            outputs=[ct.TensorType(name="logits", dtype=np.float32)],
            compute_precision=ct.precision.FLOAT32 if precision == "fp32" else ct.precision.FLOAT16,
            minimum_deployment_target=ct.target.iOS17,
            skip_model_load=True,
        )
        model.save(str(path))
    program = load(path, precision)
    return np.concatenate([program.predict({"image": image.numpy()})["logits"] for image in images])


def source_of(network: nn.Module, image: Tensor, way: str) -> Any:
    if way == "traced":
        return torch.jit.trace(network, image)
    return torch.export.export(network, (image,)).run_decompositions(decompositions())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BACKBONES if os.environ.get("ALL_BACKBONES") else DRAWN)
def test_programs_compute_what_the_eager_network_computes(name, way, tmp_path):
    network = settled(name)
    images = [torch.rand(1, 3, SIDE, SIDE) for _ in range(4)]
    with torch.no_grad():
        half = copy.deepcopy(network).half()
        eager = torch.cat([network(image) for image in images]).numpy()
        rounded = torch.cat([half(image.half()).float() for image in images]).numpy()
        source = source_of(network, images[0], way)
    whole = interpreted(source, images, "fp32", tmp_path)
    assert np.abs(whole - eager).max() <= 2e-4 * np.abs(eager).max()
    small = interpreted(source, images, "fp16", tmp_path)
    assert root_mean_square(small - eager) <= 1.5 * root_mean_square(rounded - eager)


def root_mean_square(values: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(values**2)))
