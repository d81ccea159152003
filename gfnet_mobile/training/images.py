"""Batches for training: normalised float32 [B, 3, S, S] and int64 labels [B], in an order that resuming can repeat."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from gfnet_mobile.data.folder import labelled_files
from gfnet_mobile.data.sign_scenes import digit_canvases, sign_scenes
from gfnet_mobile.files import replacing
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.training.folder_images import FolderImages
from gfnet_mobile.training.recipe import DigitCanvases, Folder, SignScenes

_CHUNK = 500


@dataclass(frozen=True)
class ArrayImages:
    """uint8 images [N, S, S, 3], memory-mapped, and int64 labels [N]."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def training_images(
    data: SignScenes | DigitCanvases | Folder, model: ModelConfig, split: str, cache: Path
) -> ArrayImages | FolderImages:
    """The images of ``split`` ("train" or "validation"). Drawn ones are kept in ``cache``."""
    if isinstance(data, Folder):
        files = labelled_files(data.path / ("train" if split == "train" else "val"))
        return FolderImages(files, model, augment=split == "train", workers=data.workers)
    count = data.train if split == "train" else data.validation
    of_data = hashlib.sha256(data.model_dump_json().encode()).hexdigest()[:12]
    name = f"{data.kind}-{of_data}-{split}-{model.image}"
    pixels, labels = cache / f"{name}.images.npy", cache / f"{name}.labels.npy"
    if not (pixels.exists() and labels.exists()):
        _draw(data, model, split, count, pixels, labels)
    return ArrayImages(np.load(pixels, mmap_mode="r"), np.load(labels))


def _draw(
    data: SignScenes | DigitCanvases, model: ModelConfig, split: str, count: int, pixels: Path, labels: Path
) -> None:
    size = model.image
    with replacing(pixels) as aside:
        array = np.lib.format.open_memmap(aside, "w+", np.uint8, (count, size, size, 3))
        answers = np.empty(count, np.int64)
        for start in track(range(0, count, _CHUNK), f"drawing {split} images"):
            part = slice(start, min(start + _CHUNK, count))
            array[part], answers[part] = _chunk(data, split, part.stop - part.start, start, size)
        array.flush()
        with replacing(labels) as aside_labels, aside_labels.open("wb") as file:
            np.save(file, answers)


def _chunk(
    data: SignScenes | DigitCanvases, split: str, count: int, start: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    seed = 1_000_000 * data.seed + start  # a chunk is a scene set of its own, so that none is drawn twice
    if isinstance(data, DigitCanvases):
        held_out = seed if split == "train" else seed + 500_000
        return digit_canvases(count, seed=held_out, size=size, smallest=data.smallest, clutter=data.clutter)
    images, labels = sign_scenes(count, seed=seed, split="train" if split == "train" else "validation")
    if size != images.shape[1]:
        filter = Image.Resampling.BILINEAR
        images = np.stack([np.asarray(Image.fromarray(i).resize((size, size), filter)) for i in images])
    return images, labels


def batches(
    images: ArrayImages | FolderImages, model: ModelConfig, *, batch: int, views: int, seed: int, start: int = 0
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of shuffled images until ``views`` have been seen, from batch number ``start`` on."""
    order = np.random.default_rng(seed)
    needed = -(-views // len(images))
    indices = np.concatenate([order.permutation(len(images)) for _ in range(needed)])[: views // batch * batch]
    yield from _loaded(images, model, indices.reshape(-1, batch)[start:])


def in_order(
    images: ArrayImages | FolderImages, model: ModelConfig, batch: int = 250
) -> Iterator[tuple[Tensor, Tensor]]:
    """Every image once, for evaluation."""
    yield from _loaded(images, model, np.array_split(np.arange(len(images)), -(-len(images) // batch)))


def _loaded(
    images: ArrayImages | FolderImages, model: ModelConfig, index_batches: Iterable[np.ndarray]
) -> Iterator[tuple[Tensor, Tensor]]:
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) * 255 for v in (model.mean, model.std))
    if isinstance(images, ArrayImages):
        for indices in index_batches:
            pixels = torch.from_numpy(images.images[np.sort(indices)]).permute(0, 3, 1, 2)
            yield pixels.float().sub_(mean).div_(std), torch.from_numpy(images.labels[np.sort(indices)])
        return
    loader = DataLoader(images, batch_sampler=[list(map(int, b)) for b in index_batches], num_workers=images.workers)
    for pixels, labels in loader:
        yield pixels.float().sub_(mean).div_(std), labels
