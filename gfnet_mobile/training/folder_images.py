"""Pictures of class folders as torch wants them, with the augmentation that training uses."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from gfnet_mobile.data.folder import LabelledFiles
from gfnet_mobile.host.preprocess import load_image
from gfnet_mobile.models.config import ModelConfig


class FolderImages(Dataset[tuple[Tensor, int]]):
    """An item is uint8 [3, S, S] and its label. With ``augment`` it shows the image at a random place and scale."""

    def __init__(self, source: LabelledFiles, model: ModelConfig, *, augment: bool, workers: int) -> None:
        self.source, self.model, self.augment, self.workers = source, model, augment, workers

    def __len__(self) -> int:
        return len(self.source.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = load_image(self.source.files[index], self.model.preprocessing).pixels
        if self.augment:
            pixels = _somewhere(pixels)
        return torch.from_numpy(np.array(pixels)).permute(2, 0, 1), self.source.labels[index]


def _somewhere(pixels: np.ndarray) -> np.ndarray:
    """A square of 35 to 100 percent of the area, enlarged to the full size, mirrored half of the time."""
    size = len(pixels)
    side = max(1, round(size * float(torch.empty(1).uniform_(0.35, 1.0)) ** 0.5))
    row, column = torch.randint(0, size - side + 1, (2,)).tolist()
    part = Image.fromarray(pixels[row : row + side, column : column + side])
    enlarged = np.asarray(part.resize((size, size), Image.Resampling.BILINEAR))
    return enlarged[:, ::-1] if torch.rand(1) < 0.5 else enlarged
