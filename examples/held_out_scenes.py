"""Writes scenes that the demo network has never seen: ``python held_out_scenes.py COUNT FOLDER``."""

import sys
from pathlib import Path

from PIL import Image

from gfnet_mobile.data import sign_scenes


def main(count: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = sign_scenes(count, seed=2024, split="test")
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(folder / f"scene-{index}-digit-{label}.png")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
