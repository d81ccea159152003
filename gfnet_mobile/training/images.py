"""Batches for training: normalised float32 [B, 3, S, S] and int64 labels [B], in an order that resuming can repeat."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from gfnet_mobile.data.folder import labelled_files
from gfnet_mobile.data.scenes import digit_canvases, sign_scenes
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
    return _drawn(data, split, model.image, cache)


def _drawn(data: SignScenes | DigitCanvases, split: str, size: int, cache: Path) -> ArrayImages:
    """Drawn images as memory-mapped arrays in ``cache``. Scenes are drawn in one size and resized to any other."""
    of_data = hashlib.sha256(data.model_dump_json().encode()).hexdigest()[:12]
    name = f"{data.kind}-{of_data}-{split}-{size}"
    pixels, labels = cache / f"{name}.images.npy", cache / f"{name}.labels.npy"
    if not (pixels.exists() and labels.exists()):
        whole = None
        if isinstance(data, SignScenes) and size != data.size:
            whole = _drawn(data, split, data.size, cache)

        def chunk(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            if whole is not None:
                return _resized(whole.images[start:stop], size), whole.labels[start:stop]
            return _chunk(data, split, start, stop, size)

        _write(pixels, labels, data.train if split == "train" else data.validation, size, chunk, f"{split} images")
    return ArrayImages(np.load(pixels, mmap_mode="r"), np.load(labels))


def _write(
    pixels: Path,
    labels: Path,
    count: int,
    size: int,
    chunk: Callable[[int, int], tuple[np.ndarray, np.ndarray]],
    title: str,
) -> None:
    with replacing(pixels) as aside, replacing(labels) as aside_labels:
        array = np.lib.format.open_memmap(aside, "w+", np.uint8, (count, size, size, 3))
        answers = np.empty(count, np.int64)
        for start in track(range(0, count, _CHUNK), f"drawing {title}"):
            stop = min(start + _CHUNK, count)
            array[start:stop], answers[start:stop] = chunk(start, stop)
        array.flush()
        with aside_labels.open("wb") as file:
            np.save(file, answers)


def _chunk(
    data: SignScenes | DigitCanvases, split: str, start: int, stop: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    seed = 1_000_000 * data.seed + start  # a chunk is a scene set of its own, so that none is drawn twice
    if isinstance(data, DigitCanvases):
        held_out = seed if split == "train" else seed + 500_000
        return digit_canvases(stop - start, seed=held_out, size=size, smallest=data.smallest, clutter=data.clutter)
    return sign_scenes(stop - start, seed=seed, split="train" if split == "train" else "validation", size=size)


def _resized(images: np.ndarray, size: int) -> np.ndarray:
    """As the host would prepare them for a network of that size."""
    side = (size, size)
    return np.stack([np.asarray(Image.fromarray(image).resize(side, Image.Resampling.BILINEAR)) for image in images])


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
        for indices in map(np.sort, index_batches):  # in the order of the file
            pixels = torch.from_numpy(images.images[indices]).permute(0, 3, 1, 2)
            yield pixels.float().sub_(mean).div_(std), torch.from_numpy(images.labels[indices])
        return
    loader = DataLoader(images, batch_sampler=[list(map(int, b)) for b in index_batches], num_workers=images.workers)
    for pixels, labels in loader:
        yield pixels.float().sub_(mean).div_(std), labels
