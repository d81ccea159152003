"""What the targets are told besides a graph: where it comes from, and for whom its file is meant."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from gfnet_mobile.models.config import About

Ios = Literal[16, 17, 18]
IOS: tuple[Ios, ...] = get_args(Ios)


@dataclass(frozen=True)
class Packaging:
    checkpoint: str
    """SHA-256 of the checkpoint, which a file carries where its format has a place for it"""
    name: str = "network"
    about: About = field(default_factory=About)
    labels: tuple[str, ...] | None = None
    """texts of the classes"""
    ios: Ios = 16
    """the first iOS that must read a Core ML program"""
    image_input: bool = False
    """Core ML takes ``image`` as a picture (a pixel buffer) in place of a float32 tensor"""
