"""EfficientNet. Names are those of an early timm, and today's are the same."""

from gfnet_mobile.models.config import CascadeHeadConfig
from gfnet_mobile.published.families import CONV, Configuration, Family

FAMILY = Family(
    configurations={
        "efficientnet_b2": Configuration(
            "efficientnet_b2", mark=(1408, 352, 1, 1), patches=(128,), image=260, resize=297
        ),
        "efficientnet_b3": Configuration(
            "efficientnet_b3", mark=(1536, 384, 1, 1), patches=(128, 144), image=300, resize=331
        ),
    },
    marked="conv_head.weight",
    classifier="classifier",
    steps=4,
    glance_filter="bicubic",
    policy=CONV,
    head=CascadeHeadConfig(),
    filter="bicubic",
)
