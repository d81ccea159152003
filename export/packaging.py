"""What the targets are told besides a graph: where it comes from, and for whom its file is meant."""

from dataclasses import dataclass
from typing import Literal, get_args

Ios = Literal[16, 17, 18]
IOS: tuple[Ios, ...] = get_args(Ios)


@dataclass(frozen=True)
class Packaging:
    checkpoint: str
    """SHA-256 of the checkpoint, which a file carries where its format has a place for it"""
    ios: Ios = 16
    """the first iOS that must read a Core ML program"""
