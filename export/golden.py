"""Golden vectors: a few pictures, and every tensor that the eager network makes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_sample_images

from gfnet_mobile.bundle.golden import key
from gfnet_mobile.bundle.manifest import Preprocessing, Step
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import load_image
from gfnet_mobile.models.crop import crop
from gfnet_mobile.models.network import BatchStep, GlanceFocusNet
from gfnet_mobile.models.policy import GruPolicy

COUNT = 8
SPARE = 4
SEED = 3
STEADY = 1e-3
"""pixels; runtimes differ by less than a tenth of this"""


def golden_images(model: GlanceFocusNet, folder: Path | None = None) -> NDArray[np.uint8]:
    """uint8 [N, S, S, 3]: the pictures of ``folder`` if there is one, else ``COUNT`` of our own.

    Those are test scenes for the demo, and pieces of scikit-learn's two photographs for any other network. Pictures on
    which the policy's choice is a matter of rounding are left out. Raises UserError if none is left.
    """
    if folder is not None:
        images = _from_folder(folder, model.config.preprocessing)
    elif model.config.name == "demo":
        images = sign_scenes(COUNT, seed=SEED, split="test", size=model.config.image)[0]
    else:
        images = _from_photographs(model.config.image, COUNT + SPARE)
    steady = np.array([_is_steady(model, pixels) for pixels in images])
    if not steady.any():
        raise UserError("golden images: the policy's choice is a matter of rounding on each; take other pictures")
    return images[steady] if folder is not None else images[steady][:COUNT]


def _is_steady(model: GlanceFocusNet, pixels: NDArray[np.uint8]) -> bool:
    """Does no step place its patch within `STEADY` pixels of where the floor would jump to the next pixel?"""
    if not isinstance(model.policy, GruPolicy):
        return True
    with torch.no_grad():
        before: BatchStep | None = None
        for step in model.steps(model.normalise(_batch(pixels))):
            if before is not None:
                action, _ = model.policy.action(before.state, before.hidden)
                place = action.double() * (model.config.image - model.config.patch)
                if (place - place.round()).abs().min() < STEADY:
                    return False
            before = step
    return True


def _batch(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def _from_folder(folder: Path, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder of golden images")
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise UserError(f"{folder}: no golden images in this folder")
    return np.stack([load_image(file, preprocessing).pixels for file in files])


def _from_photographs(size: int, count: int) -> NDArray[np.uint8]:
    """Squares of random place and side, at least a quarter of the photograph's height, resized to ``size``."""
    random = np.random.default_rng(SEED)
    photographs = load_sample_images().images
    pieces = []
    for index in range(count):
        photograph = photographs[index % len(photographs)]
        height, width = photograph.shape[:2]
        side = int(random.integers(height // 4, height + 1))
        top, left = random.integers(0, height - side + 1), random.integers(0, width - side + 1)
        piece = Image.fromarray(photograph[top : top + side, left : left + side])
        pieces.append(np.asarray(piece.resize((size, size), Image.Resampling.BICUBIC)))
    return np.stack(pieces)


def golden_tensors(model: GlanceFocusNet, steps: Sequence[Step], images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """What each call of each step gives, [N, ...] under the names of `gfnet_mobile.bundle.golden`.

    One image at a time, as the exported graphs take them.
    """
    values: dict[str, list[NDArray[Any]]] = {}
    for pixels in images:
        image = _batch(pixels)
        with torch.no_grad():
            for step, eager in zip(steps, model.steps(model.normalise(image)), strict=True):
                for call in step.calls:
                    for tensor in call.outputs:
                        value = _tensor(model, image, eager, call.graph, tensor)
                        values.setdefault(key(eager.index, call.graph, tensor), []).append(value.numpy())
    return {name: np.concatenate(value) for name, value in values.items()}


def _tensor(model: GlanceFocusNet, image: torch.Tensor, eager: BatchStep, graph: str, tensor: str) -> torch.Tensor:
    """A graph's output as the eager step has it. Patches are cut anew, from the image before it was normalised."""
    if graph == "value_map":
        assert model.policy is not None
        return model.policy.begin(eager.state, model.resize(model.normalise(image)))  # by the trunk: no state counts
    if tensor == "small_image":
        return model.resize(image)
    if tensor == "patch":
        assert eager.position is not None and eager.patch_size is not None
        return crop(image, eager.position, eager.patch_size)
    value = getattr(eager, tensor.removesuffix("_out"))
    assert isinstance(value, torch.Tensor)
    return value
