"""Backbones of our own, registered with timm under their names, so that any command takes them like timm's."""

from timm.models import register_model
from timm.models.byobnet import ByoBlockCfg, ByobNet, ByoModelCfg


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
