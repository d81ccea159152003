"""The eager network: what its steps carry, that it is lazy, and where its patches come from."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import small_network

from gfnet_mobile.errors import UserError
from gfnet_mobile.models.config import EncoderConfig, ModelConfig
from gfnet_mobile.models.crop import crop, position_of
from gfnet_mobile.models.encoder import Encoder
from gfnet_mobile.models.gru import GruCell
from gfnet_mobile.models.resize import Resize


@pytest.mark.parametrize("head", ["cascade", "recurrent", "regnet"])
@pytest.mark.parametrize("policy", ["value_map", "conv", "linear"])
@pytest.mark.parametrize("steps", [1, 2, 8])
def test_a_network_takes_its_steps(head, policy, steps):
    taken = list(small_network(head=head, policy=policy, steps=steps).steps(torch.randn(2, 3, 96, 96)))
    assert [step.index for step in taken] == list(range(steps))
    for step in taken:
        assert step.logits.shape == step.probabilities.shape == (2, 5)
        assert torch.equal(step.confidence, step.probabilities.max(1).values)
        assert torch.equal(step.label, step.logits.argmax(1))
        assert (step.position is None) == (step.patch_size is None) == (step.index == 0)
        if step.position is not None:
            assert step.position.dtype == torch.int32
            assert step.position.min() >= 0
            assert step.position.max() <= 96 - 32


def test_no_step_is_computed_before_it_is_asked_for(monkeypatch):
    network, called = small_network(), []
    monkeypatch.setattr(network.focus, "forward", lambda x: called.append(1))
    next(network.steps(torch.randn(1, 3, 96, 96)))
    assert not called


def test_a_batch_is_as_its_images_one_by_one():
    network, x = small_network(policy="conv", head="recurrent"), torch.randn(3, 3, 96, 96)
    together = list(network.steps(x))
    for image in range(3):
        for step, alone in zip(together, network.steps(x[image : image + 1]), strict=True):
            torch.testing.assert_close(step.logits[image : image + 1], alone.logits, rtol=1e-4, atol=1e-5)
            assert step.position is None or torch.equal(step.position[image], alone.position[0])


def test_the_value_map_does_not_look_at_one_place_twice():
    positions = [step.position for step in small_network(steps=8).steps(torch.randn(4, 3, 96, 96)) if step.index]
    for image in range(4):
        assert len({tuple(position[image].tolist()) for position in positions}) == 7


@given(st.integers(8, 600), st.data())
def test_positions_cover_the_image_and_stay_inside(image, data):
    patch = data.draw(st.integers(1, image))
    action = torch.tensor([[data.draw(st.floats(0, 1, width=32)), 1.0]])
    row, column = position_of(action, image, patch)[0].tolist()
    assert 0 <= row <= image - patch
    assert column == image - patch


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_crop_is_the_image_at_its_position(row, column):
    image = torch.arange(2 * 3 * 64 * 64.0).view(2, 3, 64, 64)
    cut = crop(image, torch.tensor([[row, column], [0, 40]], dtype=torch.int32), 24)
    assert torch.equal(cut[0], image[0, :, row : row + 24, column : column + 24])
    assert torch.equal(cut[1], image[1, :, :24, 40:])


@pytest.mark.parametrize(("image", "patch"), [(224, 96), (224, 128), (260, 128), (300, 144), (64, 64)])
@pytest.mark.parametrize("filter", ["bilinear", "bicubic"])
def test_the_glance_is_resized_with_aligned_corners(image, patch, filter):
    x = torch.randn(1, 3, image, image)
    expected = torch.nn.functional.interpolate(x, size=(patch, patch), mode=filter, align_corners=True)
    torch.testing.assert_close(Resize(image, patch, filter)(x), expected, rtol=1e-5, atol=1e-5)


def test_the_gru_cell_has_torchs_equations_and_parameters():
    reference, cell = torch.nn.GRU(5, 7), GruCell(5, 7)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in reference.state_dict().items()})
    x, hidden = torch.randn(3, 5), torch.randn(3, 7)
    torch.testing.assert_close(cell(x, hidden), reference(x[None], hidden[None])[0][0])


@pytest.mark.parametrize(
    ("backbone", "feature", "channels"),
    [("mobilenetv3_small_050", 1024, 288), ("regnety_002", 368, 368), ("efficientnet_lite0", 1280, 1280)],
)
def test_any_convolutional_backbone_gives_feature_and_state(backbone, feature, channels):
    encoder = Encoder(EncoderConfig(backbone=backbone), 64)
    assert encoder.feature_size == feature
    assert encoder.state_shape == (channels, 2, 2)


def test_a_backbone_that_is_cut_gives_its_map_there_and_the_mean_of_it():
    encoder = Encoder(EncoderConfig(backbone="mobilenetv3_small_050", reduction=8), 64).eval()
    feature, state = encoder(torch.randn(2, 3, 64, 64))
    assert (feature.shape, state.shape) == ((2, encoder.feature_size), (2, *encoder.state_shape))
    assert encoder.state_shape == (16, 8, 8)
    assert torch.equal(feature, state.mean((2, 3)))


def test_what_is_below_the_cut_is_gone():
    whole, cut = (Encoder(EncoderConfig(backbone="gfnet_tiny", reduction=reduction), 64) for reduction in (None, 8))
    sizes = [sum(parameter.numel() for parameter in encoder.parameters()) for encoder in (whole, cut)]
    assert sizes[1] < sizes[0] / 8


def test_a_backbone_is_cut_only_where_a_stage_ends():
    with pytest.raises(UserError, match="no stage at 1/7 to cut it at, but 1/2, 1/4, 1/8, 1/16, 1/32"):
        Encoder(EncoderConfig(backbone="gfnet_tiny", reduction=7), 64)


def test_looks_at_a_map_of_a_cut_glance_differ():
    network = small_network(glance_reduction=8, steps=8)
    positions = [step.position for step in network.steps(torch.randn(4, 3, 96, 96)) if step.index]
    for image in range(4):
        assert len({tuple(position[image].tolist()) for position in positions}) == 7


def test_one_exit_for_all_steps_needs_features_of_one_size():
    with pytest.raises(UserError, match="differ in feature size; take a cascade head, one exit a step"):
        small_network(head="recurrent", glance_reduction=8)


@pytest.mark.parametrize(
    ("backbone", "complaint"), [("nothing_like_this", "nothing_like_this"), ("vit_tiny_patch16_224", "vit_tiny")]
)
def test_a_backbone_that_does_not_serve_is_refused(backbone, complaint):
    with pytest.raises(UserError, match=complaint):
        Encoder(EncoderConfig(backbone=backbone), 64)


def test_an_image_of_another_size_is_refused():
    with pytest.raises(UserError, match=r"takes \[B, 3, 96, 96\]"):
        next(small_network().steps(torch.randn(1, 3, 95, 96)))


@pytest.mark.parametrize("change", [{"steps": 9}, {"steps": 0}, {"patch": 97}, {"policy": None}, {"labels": ("a",)}])
def test_a_configuration_that_cannot_be_is_refused(change):
    config = small_network().config.model_dump()
    with pytest.raises(ValueError, match="validation error"):
        ModelConfig.model_validate({**config, **change})
