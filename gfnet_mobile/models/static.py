"""Static networks at sizes of choice: any timm classifier as it is, or a static checkpoint of ours.

Preprocessing follows timm's data configuration: mean, std, filter, and the share of the short side that the centre crop
keeps, whatever the size.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
from pydantic import ValidationError
from timm.data import ImageNetInfo, resolve_model_data_config
from timm.models import PretrainedCfg
from torch import Tensor

from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.errors import UserError, first_problem
from gfnet_mobile.models.checkpoint import Checkpoint, checkpoint_of, checkpoint_path, fill, read_checkpoint
from gfnet_mobile.models.config import EncoderConfig, ModelConfig, OwnHeadConfig
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.weights import read_weights

IMAGENET_CLASSES = 1000


def static_checkpoints(model: str, pretrained: str | None, sizes: Sequence[int]) -> list[Checkpoint]:
    """``model`` at each of ``sizes``, pixels (none: at its own), named NAME-SIZE.

    ``model`` is a static checkpoint of ours, or a timm name; then ``pretrained`` is a file of its weights (safetensors,
    or a pickle of plain tensors), or the word ``timm`` for those that timm downloads. Raises UserError for whatever
    does not fit together.
    """
    if len(set(sizes)) != len(sizes) or any(not 8 <= size <= 4096 for size in sizes):
        raise UserError(f"sizes {', '.join(map(str, sizes))}: each once, 8 to 4096 pixels")
    if checkpoint_path(model).is_file():
        if pretrained is not None:
            raise UserError(f"--pretrained {pretrained}: {model} is a checkpoint and has weights of its own")
        return _resized(model, sizes)
    if pretrained is None:
        raise UserError(f"{model}: no such file; a timm name needs --pretrained FILE, or --pretrained timm")
    given = None if pretrained == "timm" else read_weights(Path(pretrained))[1]
    return [_from_timm(model, given, size) for size in sizes] or [_from_timm(model, given, None)]


def _resized(path: str, sizes: Sequence[int]) -> list[Checkpoint]:
    """A network of ours; encoders that pool take images of other sizes with the same weights."""
    source = read_checkpoint(path)
    config = source.model.config
    if config.steps > 1:
        raise UserError(f"{path}: is no static network, it has {config.steps} steps; gfnet-mobile export takes it")
    found = []
    for size in sizes:
        resize = round(config.preprocessing.resize * size / config.image)
        change = {
            "name": f"{config.name}-{size}",
            "patch": size,
            "glance": None,
            "preprocessing": config.preprocessing.model_copy(update={"size": size, "resize": resize}),
        }
        network = GlanceFocusNet(config.model_copy(update=change))
        fill(network, source.model.state_dict(), Path(path))
        found.append(checkpoint_of(network.eval(), source.rules))
    return found or [source]


def _from_timm(name: str, weights: dict[str, Tensor] | None, size: int | None) -> Checkpoint:
    """One of timm's with its own classifier; ``weights`` None: those that timm downloads."""
    known = _known(name)
    options: dict[str, Any] = {"img_size": size} if size is not None and known.fixed_input_size else {}
    overlay: dict[str, Any] = {}
    classes = known.num_classes
    labels: Iterable[str] | None = known.label_names
    if weights is not None:
        classes = _classes(weights, known.classifier, classes)
        overlay = {"state_dict": dict(weights), "num_classes": classes, "custom_load": False}
    elif labels is None and classes == IMAGENET_CLASSES:
        labels = ImageNetInfo().label_descriptions()
    try:
        loaded = timm.create_model(
            name, pretrained=True, pretrained_cfg_overlay=overlay, num_classes=classes, **options
        ).eval()
    except Exception as error:  # timm raises whatever its constructors, its files and the network raise
        raise UserError(f"{name}: its weights cannot be loaded: {str(error) or type(error).__name__}") from error
    if getattr(loaded, "dynamic_img_size", False):  # would resize its position embedding anew for each image
        options["dynamic_img_size"] = False
    encoder = EncoderConfig(backbone=name, options=options)
    given = tuple(labels) if labels is not None and weights is None else None
    network = GlanceFocusNet(_config(encoder, resolve_model_data_config(loaded), size, classes, given))
    network.glance.backbone.load_state_dict(loaded.state_dict())
    return checkpoint_of(network.eval(), {})


def _known(name: str) -> PretrainedCfg:
    """What timm knows of its model; raises UserError for another name."""
    try:
        known = timm.get_pretrained_cfg(name) if timm.is_model(name) else None
    except RuntimeError as error:  # an unknown tag
        raise UserError(f"{name}: {error}") from error
    if known is not None:
        return known
    close = ", ".join(timm.list_models(f"*{name.partition('.')[0]}*")[:5])
    raise UserError(f"{name}: neither a checkpoint file nor a timm classifier; {close or 'none'} is like it")


def _config(
    encoder: EncoderConfig, data: Mapping[str, Any], size: int | None, classes: int, labels: tuple[str, ...] | None
) -> ModelConfig:
    """``data`` is timm's data configuration. Raises UserError for preprocessing that a bundle cannot describe."""
    name, side = encoder.backbone, data["input_size"][1] if size is None else size
    if data["interpolation"] not in ("bilinear", "bicubic") or data["crop_mode"] != "center":
        raise UserError(
            f"{name}: prepares images by {data['interpolation']!r} and {data['crop_mode']!r}; "
            "a bundle can do bilinear or bicubic, and a centre crop"
        )
    try:
        return ModelConfig(
            name=f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{side}",
            classes=classes,
            steps=1,
            patch=side,
            glance_encoder=encoder,
            head=OwnHeadConfig(),
            preprocessing=Preprocessing(size=side, resize=int(side / data["crop_pct"]), filter=data["interpolation"]),
            mean=data["mean"],
            std=data["std"],
            labels=labels,
        )
    except ValidationError as error:
        raise UserError(f"{name}: {first_problem(error)}") from error


def _classes(weights: dict[str, Tensor], classifier: str | tuple[str, ...] | None, default: int) -> int:
    """Rows of the classifier in ``weights``; ``default`` where they are called differently and timm renames them."""
    first = classifier if isinstance(classifier, str) or classifier is None else classifier[0]
    found = weights.get(f"{first}.weight")
    return default if found is None else int(found.shape[0])
