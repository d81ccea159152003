"""Backbones that timm lacks, registered with it under their names, so that any command takes them like timm's."""

from timm.models import register_model
from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg
from timm.models.mobilenetv3 import MobileNetV3, _gen_mobilenet_v3


@register_model
def gfnet_tiny(
    pretrained: bool = False,
    pretrained_cfg: object = None,
    pretrained_cfg_overlay: object = None,
    cache_dir: object = None,
    channels: tuple[int, ...] = (16, 32, 64, 128),
    num_classes: int = 1000,
) -> ByobNet:
    """Four basic residual blocks after a 3 × 3 stem, each halving the resolution: 0.3 M parameters.

    Channels are multiples of 16, which is what CPU convolution kernels work in. There are no pretrained weights;
    timm's factory passes the first four arguments to every model.
    """
    if pretrained:
        raise RuntimeError("gfnet_tiny has no pretrained weights")
    blocks = tuple(ByoBlockCfg(type="basic", d=1, c=c, s=2, gs=0, br=1.0) for c in channels)
    config = ByoModelCfg(blocks=blocks, stem_chs=16, stem_type="3x3", stem_pool="", act_layer="relu")
    return ByobNet(config, num_classes=num_classes)


@register_model
def mobilenetv3_large_125(
    pretrained: bool = False,
    pretrained_cfg: object = None,
    pretrained_cfg_overlay: object = None,
    cache_dir: object = None,
    num_classes: int = 1000,
) -> MobileNetV3:
    """MobileNet-V3-Large, 1.25 times as wide, from timm's generic builder: a published GFNet has it, timm's list not.

    Can go when timm lists it. There are no pretrained weights.
    """
    if pretrained:
        raise RuntimeError("mobilenetv3_large_125 has no pretrained weights")
    configuration = {"num_classes": num_classes, "input_size": (3, 224, 224), "pool_size": (7, 7), "url": ""}
    return _gen_mobilenet_v3("mobilenetv3_large_125", 1.25, pretrained_cfg=configuration, num_classes=num_classes)
