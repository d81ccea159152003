"""Published checkpoints compute what the authors' code computes: golden vectors of the reference, both layouts."""

import numpy as np
import published_files
import pytest
import torch

from gfnet_mobile.models.checkpoint import load_checkpoint

ROUNDING = {"logits": 1e-5, "feature": 1e-5, "action": 1e-5, "state": 5e-5, "hidden": 5e-5, "memory": 5e-5}
"""of the array's largest value"""


def _stats(tensor: torch.Tensor) -> np.ndarray:
    flat = tensor.double().flatten(1)
    return torch.stack([flat.mean(1), flat.std(1, correction=0)], 1).numpy()


def _probe(tensor: torch.Tensor) -> np.ndarray:
    flat = tensor.flatten(1)
    return flat[:, [j * flat.shape[1] // 64 for j in range(64)]].numpy()


def _off(found: list[np.ndarray], golden: np.ndarray) -> float:
    stacked = np.stack(found)
    assert stacked.shape == golden.shape
    return float(np.abs(stacked - golden).max() / np.abs(golden).max())


@pytest.mark.parametrize("layout", ["released", "train"])
@pytest.mark.parametrize("configuration", published_files.CONFIGURATIONS)
def test_every_step_is_that_of_the_reference(configuration, layout, tmp_path):
    manifest = published_files.manifest_of(configuration)
    path = published_files.write(published_files.content_of(configuration, layout), tmp_path / "file.pth.tar")
    model = load_checkpoint(path)
    path.unlink()
    golden = np.load(published_files.REFERENCE / f"golden_{configuration}.npz")
    x = torch.from_numpy(published_files.make_checkpoint.images(manifest["image_size"]))
    with torch.no_grad():
        steps = list(model.steps(x))
        actions = [model.policy.action(step.state, step.hidden)[0].numpy() for step in steps[:-1]]
    assert (model.config.steps, model.config.patch) == (manifest["T"], manifest["patch_size"])
    assert np.array_equal(np.stack([step.position.numpy() for step in steps[1:]]), golden["coord"])
    offs = {
        "logits": [_off([step.logits.numpy() for step in steps], golden["logits"])],
        "action": [_off(actions, golden["action"])],
        "feature": [
            _off([_stats(step.feature) for step in steps], golden["feature_stats"]),
            _off([_probe(step.feature) for step in steps], golden["feature_probe64"]),
        ],
        "state": [
            _off([_stats(step.state) for step in steps], golden["state_stats"]),
            _off([_probe(step.state) for step in steps], golden["state_probe64"]),
        ],
        "hidden": [
            _off([_stats(step.hidden) for step in steps[1:]], golden["policy_hidden_stats"]),
            _off([step.hidden[:, :16].numpy() for step in steps[1:]], golden["policy_hidden_head16"]),
        ],
    }
    if "fc_hidden_head16" in golden:
        offs["memory"] = [_off([step.memory[:, :16].numpy() for step in steps], golden["fc_hidden_head16"])]
    assert {tensor: max(found) for tensor, found in offs.items() if max(found) > ROUNDING[tensor]} == {}


def test_the_down_sampled_image_is_that_of_the_reference(tmp_path):
    from gfnet_mobile.models.resize import Resize

    for configuration in published_files.CONFIGURATIONS:
        manifest = published_files.manifest_of(configuration)
        golden = np.load(published_files.REFERENCE / f"golden_{configuration}.npz")
        resize = Resize(manifest["image_size"], manifest["patch_size"], manifest["prime_interpolation"])
        glance = resize(torch.from_numpy(published_files.make_checkpoint.images(manifest["image_size"])))
        assert np.abs(_probe(glance) - golden["prime_probe64"]).max() <= 1e-5
