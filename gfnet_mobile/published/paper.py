"""What the paper measured on a phone (arXiv 2201.03014), and which bundles it is to be put beside.

Its figures are of networks whose thresholds were chosen for an accuracy: to compare with what is *expected* under a
rule of that accuracy, not with any one step. Read off a plot: ± 0.1 ms, ± 0.05 points.
"""

from dataclasses import dataclass

from gfnet_mobile.bundle.manifest import Manifest
from gfnet_mobile.published.families import mobilenetv3, resnet

CONDITIONS = "iPhone XS Max, batch 1, ImageNet top-1"
"""the paper does not say on which compute units; by their size the figures are of one thread of the CPU"""

CLASSES = 1000


@dataclass(frozen=True)
class Point:
    accuracy: float
    """percent"""
    ms: float
    """mean of an image"""
    static_ms: float
    """of a static network of the family as accurate"""


@dataclass(frozen=True)
class Paper:
    family: str
    points: tuple[Point, ...]


MOBILENETV3 = Paper("MobileNet-V3", (Point(70.4, 5.8, 7.5), Point(73.5, 8.6, 11.3), Point(75.4, 12.6, 16.3)))
RESNET = Paper("ResNet", (Point(69.8, 41, 78), Point(73.3, 54.5, 155), Point(76.1, 86, 167)))


def paper_of(manifest: Manifest) -> Paper | None:
    """The figures for a bundle that is a published configuration, whatever it is called: by its program's shapes. None
    for any other, and for families that the paper did not measure on a phone."""
    for family, paper in ((mobilenetv3.FAMILY, MOBILENETV3), (resnet.FAMILY, RESNET)):
        for one in family.configurations.values():
            shape = (CLASSES, family.steps, one.image, one.mark[0])
            if _shape(manifest) == shape and {step.patch_size for step in manifest.steps[1:]} <= set(one.patches):
                return paper
    return None


def _shape(manifest: Manifest) -> tuple[int, int, int, int]:
    """Classes, T, S, and the channels C of the glance's state [1, C, s, s]; 0 where the program keeps none."""
    registers = [name for call in manifest.steps[0].calls for tensor, name in call.outputs.items() if tensor == "state"]
    channels = [manifest.registers[name].shape[1] for name in registers]
    return manifest.classes, len(manifest.steps), manifest.preprocessing.size, channels[0] if channels else 0
