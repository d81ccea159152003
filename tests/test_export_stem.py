"""A glance that is every k-th pixel, read by its first convolution."""

import pytest
import torch
from networks import small_network
from pydantic import ValidationError
from torch import nn

from export.graphs import Glance, graphs_of
from export.stem import rows_first, subsampling
from gfnet_mobile.models.config import EncoderConfig
from gfnet_mobile.models.encoder import Encoder


def encoder(backbone: str, reduction: int | None = None) -> Encoder:
    torch.manual_seed(0)
    return Encoder(EncoderConfig(backbone=backbone, reduction=reduction), 64).eval()


@pytest.mark.parametrize("backbone", ["gfnet_tiny", "mobilenetv3_small_050", "resnet18", "regnety_002"])
@pytest.mark.parametrize(("image", "stride"), [(96, 3), (97, 3), (98, 3), (128, 2), (130, 4)])
@torch.no_grad()
def test_the_first_convolution_leaves_out_what_the_glance_would(backbone, image, stride):
    narrow = encoder(backbone)
    wide = subsampling(narrow, stride, image)
    assert wide is not None
    pixels = torch.rand(2, 3, image, image)
    torch.testing.assert_close(wide(pixels), narrow(pixels[:, :, ::stride, ::stride]), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_encoder_itself_stays_as_it_was():
    narrow = encoder("gfnet_tiny", 8)
    before = narrow(torch.ones(1, 3, 64, 64))
    assert subsampling(narrow, 2, 128) is not None
    torch.testing.assert_close(narrow(torch.ones(1, 3, 64, 64)), before, rtol=0, atol=0)


def test_a_convolution_that_pads_by_what_it_is_given_is_left():
    assert subsampling(encoder("tf_efficientnet_lite0"), 2, 128) is None


class Twice(nn.Module):
    """Reads the image in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, stride=2, padding=1)

    def forward(self, x):
        return self.convolution(x).mean((2, 3)) + x.mean(), self.convolution(x)


def test_an_image_that_is_read_twice_is_left():
    assert subsampling(Twice(), 2, 128) is None


@torch.no_grad()
def test_rows_first_gives_the_same_numbers_from_fewer_rows():
    wide = subsampling(encoder("gfnet_tiny"), 3, 97)
    pixels = torch.rand(1, 3, 97, 97)
    seen = []
    thin = rows_first(wide)
    first = next(module for module in thin.modules() if isinstance(module, nn.Conv2d))
    first.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0].shape))
    torch.testing.assert_close(thin(pixels), wide(pixels))
    assert seen == [(1, 3, 33, 97)]


@pytest.mark.parametrize(
    ("change", "direct"),
    [
        ({}, True),
        ({"raw": False}, False),
        ({"glance_reduction": None}, False),
        ({"backbone": "tf_efficientnet_lite0"}, False),
    ],
    ids=["", "normalised", "its small image is read too", "padded another way"],
)
@torch.no_grad()
def test_a_glance_is_the_same_whoever_leaves_pixels_out(change, direct):
    arguments = {"glance": 32, "glance_filter": "subsample", "glance_reduction": 8, "raw": True, **change}
    model = small_network(**arguments)
    glance = graphs_of(model)[0].module
    assert isinstance(glance, Glance)
    assert isinstance(glance.resize, nn.Identity) == direct
    image = torch.rand(1, 3, 96, 96)
    step = next(iter(model.steps(model.normalise(image))))
    torch.testing.assert_close(glance(image)[0], step.feature, rtol=1e-4, atol=1e-5)


def test_a_glance_that_no_stride_gives_is_refused_with_one_that_does():
    with pytest.raises(ValidationError, match="glance 40: no stride takes as many pixels of 96; 3 takes 32"):
        small_network(glance=40, glance_filter="subsample")
