"""RegNet-Y. Names are those of pycls."""

from gfnet_mobile.models.config import RecurrentHeadConfig
from gfnet_mobile.published.families import CONV, Configuration, Family

FAMILY = Family(
    configurations={
        "regnety_600m": Configuration("regnety_006", mark=(608, 152, 1, 1), patches=(96,)),
        "regnety_800m": Configuration("regnety_008", mark=(768, 192, 1, 1), patches=(96,)),
        "regnety_1.6g": Configuration("regnety_016", mark=(888, 222, 1, 1), patches=(96,)),
    },
    marked="s4.b2.f.se.f_ex.2.weight",
    classifier="fc",
    steps=5,
    glance_filter="bilinear",
    policy=CONV,
    head=RecurrentHeadConfig(hidden=1024, glance="classifier"),
    keys=(
        (r"\.f\.([abc])\.", r".f.\1.conv."),
        (r"\.f\.([abc])_bn\.", r".f.\1.bn."),
        (r"\.f\.a\.", r".conv1."),
        (r"\.f\.b\.", r".conv2."),
        (r"\.f\.c\.", r".conv3."),
        (r"\.f\.se\.f_ex\.0\.", r".se.fc1."),
        (r"\.f\.se\.f_ex\.2\.", r".se.fc2."),
        (r"^(s\d\.b1)\.proj\.", r"\1.downsample.conv."),
        (r"^(s\d\.b1)\.bn\.", r"\1.downsample.bn."),
    ),
)
