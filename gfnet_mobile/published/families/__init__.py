"""What the published configurations are, one file for each family of backbones. A new family is one more file here
with its ``FAMILY``, and its name in the list below."""

from dataclasses import dataclass
from importlib import import_module

from gfnet_mobile.bundle.manifest import Filter
from gfnet_mobile.models.config import CascadeHeadConfig, GruPolicyConfig, RecurrentHeadConfig

FAMILIES = ("resnet", "densenet", "regnet", "mobilenetv3", "efficientnet")


@dataclass(frozen=True)
class Configuration:
    """One ``model_name``."""

    backbone: str
    """timm's name"""
    mark: tuple[int, ...]
    """shape of the family's ``marked`` tensor, by which a file without a name is recognised"""
    patches: tuple[int, ...]
    """sides P that were released, pixels"""
    image: int = 224
    """side S, pixels"""
    resize: int = 256
    """short side before the centre crop, int(S / crop_pct)"""


@dataclass(frozen=True)
class Family:
    """What the configurations of a family have in common."""

    configurations: dict[str, Configuration]
    marked: str
    """a tensor of the encoder that tells the family and its configurations apart"""
    classifier: str
    """the encoder's own classifier: used where it answers at the glance, else dead weight"""
    steps: int
    """T that was released"""
    glance_filter: Filter
    """of the down-sampling to the glance"""
    policy: GruPolicyConfig
    head: RecurrentHeadConfig | CascadeHeadConfig
    filter: Filter = "bilinear"
    """of the picture's resize"""
    keys: tuple[tuple[str, str], ...] = ()
    """regular expressions and what replaces them, in this order: the file's names → timm's"""


LINEAR = GruPolicyConfig(encoder="linear", hidden=1024)
CONV = GruPolicyConfig(encoder="conv", hidden=256)


def families() -> tuple[Family, ...]:
    return tuple(import_module(f"{__name__}.{name}").FAMILY for name in FAMILIES)
