"""MobileNet-V3. Names are those of an early timm, and today's are the same; the 1.25 × one is built in
`gfnet_mobile.models.backbones`."""

from gfnet_mobile.models.config import CascadeHeadConfig
from gfnet_mobile.published.families import CONV, Configuration, Family

FAMILY = Family(
    configurations={
        "mobilenetv3_large_100": Configuration("mobilenetv3_large_100", mark=(960, 160, 1, 1), patches=(96, 128)),
        "mobilenetv3_large_125": Configuration("mobilenetv3_large_125", mark=(1200, 200, 1, 1), patches=(128,)),
    },
    marked="blocks.6.0.conv.weight",
    classifier="classifier",
    steps=3,
    glance_filter="bicubic",
    policy=CONV,
    head=CascadeHeadConfig(),
)
