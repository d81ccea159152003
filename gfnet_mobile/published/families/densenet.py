"""DenseNet. Names are torchvision's, and timm's are the same."""

from gfnet_mobile.models.config import RecurrentHeadConfig
from gfnet_mobile.published.families import LINEAR, Configuration, Family

FAMILY = Family(
    configurations={
        "densenet121": Configuration("densenet121", mark=(1024,), patches=(96,)),
        "densenet169": Configuration("densenet169", mark=(1664,), patches=(96,)),
        "densenet201": Configuration("densenet201", mark=(1920,), patches=(96,)),
    },
    marked="features.norm5.weight",
    classifier="classifier",
    steps=5,
    glance_filter="bilinear",
    policy=LINEAR,
    head=RecurrentHeadConfig(hidden=1024),
)
