"""The paper's figures on a phone are put beside the bundles that they are about, and beside no others."""

from pathlib import Path

import native_bundles
import pytest
import torch

from export.graphs import graphs_of
from export.program import registers_of, steps_of
from gfnet_mobile.bundle.manifest import Manifest
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.published.convert import Kind, config_of
from gfnet_mobile.published.families import families
from gfnet_mobile.published.file import PublishedFile
from gfnet_mobile.published.paper import MOBILENETV3, RESNET, Paper, paper_of


def manifest_of(name: str, patch: int, classes: int = 1000) -> Manifest:
    """The program that a published configuration is exported to; nothing else of a manifest."""
    family = next(one for one in families() if name in one.configurations)
    weights = {f"{family.classifier}.weight": torch.empty(classes, 1)}
    file = PublishedFile(Path(name), {"model_prime_state_dict": weights}, name, patch, family.steps, None, None)
    config = config_of(file, Kind(name, family, family.configurations[name], patch, family.steps))
    model = GlanceFocusNet(config).eval()
    steps = steps_of(config, graphs_of(model))
    registers = registers_of(model, steps)
    return Manifest.model_construct(registers=registers, steps=steps, preprocessing=config.preprocessing)


@pytest.mark.parametrize(
    ("name", "patch", "paper"),
    [
        ("mobilenetv3_large_100", 96, MOBILENETV3),
        ("mobilenetv3_large_125", 128, MOBILENETV3),
        ("resnet50", 128, RESNET),
        ("densenet121", 96, None),
        ("regnety_600m", 96, None),
    ],
)
def test_a_published_configuration_is_known_by_its_program(name: str, patch: int, paper: Paper | None):
    assert paper_of(manifest_of(name, patch)) is paper


def test_networks_of_other_classes_and_patches_have_no_figures():
    assert paper_of(manifest_of("mobilenetv3_large_100", 96, classes=10)) is None
    assert paper_of(manifest_of("mobilenetv3_large_100", 112)) is None
    assert paper_of(native_bundles.demo().manifest) is None


def test_the_ratios_are_those_that_the_paper_states():
    assert [round(one.static_ms / one.ms, 2) for one in MOBILENETV3.points] == [1.29, 1.31, 1.29]
    assert [round(one.static_ms / one.ms, 1) for one in RESNET.points] == [1.9, 2.8, 1.9]
