"""ResNet. Names are torchvision's, and timm's are the same."""

from gfnet_mobile.models.config import RecurrentHeadConfig
from gfnet_mobile.published.families import LINEAR, Configuration, Family

FAMILY = Family(
    configurations={"resnet50": Configuration("resnet50", mark=(2048, 512, 1, 1), patches=(96, 128))},
    marked="layer4.2.conv3.weight",
    classifier="fc",
    steps=5,
    glance_filter="bicubic",
    policy=LINEAR,
    head=RecurrentHeadConfig(hidden=1024),
)
