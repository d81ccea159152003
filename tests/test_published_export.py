"""Exported published networks answer the reference's golden images as the eager network does, on each runtime here,
and the native runner finds the golden vectors in their bundles.

Every run takes one configuration drawn by the commit; ``make stress`` takes all of them.
"""

import os
import random
import shutil
import subprocess
from dataclasses import replace

import native
import numpy as np
import published_files
import pytest
import torch

from export import TARGETS
from export.bundle import export_bundle
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.models.checkpoint import load_checkpoint
from gfnet_mobile.models.network import GlanceFocusNet

ALL = [*published_files.CONFIGURATIONS, *published_files.OTHERS]
DRAWN = random.Random(os.environ.get("TEST_SEED", "0")).sample(ALL, 1)
TOLERANCE = 1e-4


@pytest.fixture(scope="module", params=ALL if os.environ.get("ALL_BACKBONES") else DRAWN)
def exported(request, tmp_path_factory):
    """A configuration, its eager network and its bundle."""
    folder = tmp_path_factory.mktemp("published")
    path = published_files.write(published_files.content_of(request.param), folder / "file.pth.tar")
    yield request.param, load_checkpoint(path), export_bundle(path, list(TARGETS), folder)
    shutil.rmtree(folder)  # up to 2 GB each


def test_every_runtime_answers_as_the_eager_network(exported):
    configuration, model, bundle = exported
    size = published_files.manifest_of(configuration)["image_size"]
    normalised = torch.from_numpy(published_files.make_checkpoint.images(size))
    images = normalised * torch.tensor(model.config.std)[:, None, None] + torch.tensor(model.config.mean)[:, None, None]
    blank = from_pixels(np.zeros((size, size, 3), np.uint8))
    largest: dict[tuple[str, str], float] = {}
    for target in TARGETS:
        with Session(bundle, target) as session:
            for image, x in zip(images, normalised, strict=True):
                with torch.no_grad():
                    eager = list(model.steps(x[None]))
                steps = session.steps(replace(blank, image=image[None].numpy()))
                for step, expected in zip(steps, eager, strict=True):
                    if expected.position is not None:
                        assert step.position == tuple(expected.position[0].tolist())
                    for tensor, register in registers(model, step.index).items():
                        golden = getattr(expected, tensor)[0].numpy()
                        off = np.abs(session.register(register)[0] - golden).max() / np.abs(golden).max()
                        largest[target, tensor] = max(largest.get((target, tensor), 0.0), float(off))
    assert {where: off for where, off in largest.items() if off > TOLERANCE} == {}
    assert len(largest) == len(TARGETS) * 5


def test_the_native_runner_verifies_the_bundle(exported):
    _, _, bundle = exported
    command = [native.build() / "gfnet-runner", "verify", bundle.folder]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TOO LARGE" not in done.stdout and "graph" in done.stdout


def registers(model: GlanceFocusNet, step: int) -> dict[str, str]:
    """Where a step leaves its tensors. A cascade's glance writes its feature to ``memory_1``, the last step keeps no
    memory."""
    found = {"logits": "logits", "feature": "feature", "state": "state"}
    if step:
        found["hidden"] = "hidden"
    if model.config.head.kind == "recurrent":
        return found | {"memory": "memory"}
    if step == 0:
        found["feature"] = "memory_1"
    return found | ({"memory": f"memory_{step + 1}"} if step < model.config.steps - 1 else {})
