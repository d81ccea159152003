"""Where encoders start from: another network of ours, or weights of their timm backbone."""

from pathlib import Path

import timm
from torch import Tensor, nn

from gfnet_mobile.errors import UserError
from gfnet_mobile.models.checkpoint import ENTRY
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.policy import ValueMapPolicy
from gfnet_mobile.models.weights import read_weights


def start_from(model: GlanceFocusNet, source: str) -> str:
    """Fills ``model`` from ``source``; gives a line that says which parts were found.

    ``source`` is a checkpoint of ours (encoders, and policy and exit head where they have the same shape; an encoder
    for static use serves glance and focus), a file of timm weights for the backbone (safetensors or a pickle, read
    without running code), or the word ``timm`` for the weights that timm downloads.
    """
    if source == "timm":
        encoder = model.config.glance_encoder
        tensors = timm.create_model(encoder.backbone, pretrained=True, **encoder.options).state_dict()
        return _fill_encoders(model, tensors, "timm")
    entries, tensors = read_weights(Path(source))
    if ENTRY not in entries:
        return _fill_encoders(model, tensors, source)
    parts = []
    for name, part in model.named_children():
        wanted = "glance" if name == "focus" and not _below("focus", tensors) else name
        if name in ("glance", "focus"):
            _fill(part, _below(wanted, tensors), source, name)
        elif not _fits(part, _below(name, tensors)):
            continue
        else:
            part.load_state_dict(_below(name, tensors))
        if part.state_dict():
            parts.append(name)
    if "policy" not in parts and isinstance(model.policy, ValueMapPolicy) and model.policy.trunk is not None:
        _fill(model.policy.trunk, _below("glance", tensors), source, "the value map")
        parts.append("the value map's trunk")
    return f"{source}: starts {', '.join(parts)}"


def _fill_encoders(model: GlanceFocusNet, tensors: dict[str, Tensor], source: str) -> str:
    trunk = model.policy.trunk if isinstance(model.policy, ValueMapPolicy) else None
    parts = {"glance": model.glance, "focus": model.focus, "the value map's trunk": trunk}
    there = {name: part for name, part in parts.items() if part is not None}
    for part in there.values():
        _fill(part, {f"backbone.{name}": value for name, value in tensors.items()}, source, "backbone")
    return f"{source}: starts {', '.join(there)}"


def _fill(encoder: nn.Module, tensors: dict[str, Tensor], source: str, part: str) -> None:
    """Every tensor of the encoder must be there; others (a classifier) are left."""
    wanted = encoder.state_dict()
    for name, tensor in wanted.items():
        if name not in tensors:
            raise UserError(f"{source}: no tensor {name!r} for {part}; were the weights made for this backbone?")
        if tensors[name].shape != tensor.shape:
            raise UserError(
                f"{source}: {part}, tensor {name!r} is {list(tensors[name].shape)}, not {list(tensor.shape)}"
            )
    encoder.load_state_dict({name: tensors[name] for name in wanted})


def _below(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(part + "."): value for name, value in tensors.items() if name.startswith(part + ".")}


def _fits(part: nn.Module, tensors: dict[str, Tensor]) -> bool:
    wanted = part.state_dict()
    return wanted.keys() == tensors.keys() and all(wanted[name].shape == tensors[name].shape for name in wanted)
