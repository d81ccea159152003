"""One's own images in class folders: ``FOLDER/CLASS/picture``."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from gfnet_mobile.errors import UserError
from gfnet_mobile.host.preprocess import load_image
from gfnet_mobile.models.config import ModelConfig

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


def class_names(folder: Path) -> tuple[str, ...]:
    """Names of the class folders, sorted; their order is the order of the labels. Raises UserError if there are none."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; class folders belong there, one per class")
    names = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")))
    if len(names) < 2:
        raise UserError(f"{folder}: {len(names)} class folders; at least two are needed")
    return names


@dataclass
class FolderImages(Dataset[tuple[Tensor, int]]):
    """Images below ``folder``; an item is uint8 [3, S, S] and its label.

    With ``augment`` an image is flipped half of the time and shown at a random place and scale (paper, section 4.1).
    """

    folder: Path
    model: ModelConfig
    augment: bool = False
    workers: int = 2
    classes: tuple[str, ...] = field(init=False)
    files: list[Path] = field(init=False)
    labels: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.classes = class_names(self.folder)
        found = [
            (file, label)
            for label, name in enumerate(self.classes)
            for file in sorted((self.folder / name).rglob("*"))
            if file.suffix.lower() in SUFFIXES
        ]
        if not found:
            raise UserError(f"{self.folder}: no images below the class folders ({', '.join(sorted(SUFFIXES))})")
        self.files = [file for file, _ in found]
        self.labels = np.array([label for _, label in found], np.int64)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        size = self.model.image
        prepared = load_image(self.files[index], self.model.preprocessing)
        pixels = prepared.pixels
        if self.augment:
            area = float(torch.empty(1).uniform_(0.35, 1.0))
            side = max(1, round(size * area**0.5))
            row, column = (int(v) for v in torch.randint(0, size - side + 1, (2,)))
            part = Image.fromarray(pixels[row : row + side, column : column + side])
            pixels = np.asarray(part.resize((size, size), Image.Resampling.BILINEAR))
            if torch.rand(1) < 0.5:
                pixels = pixels[:, ::-1]
        return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1), int(self.labels[index])
