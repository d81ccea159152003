"""A published file as a network of ours: which configuration it is, what its tensors are called here, its exit rules.

Every tensor of the file is either used or known to be unused; anything else is an error that names it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gfnet_mobile.bundle.manifest import Calibration, ExitRule, Preprocessing
from gfnet_mobile.errors import UserError
from gfnet_mobile.models.config import About, EncoderConfig, ModelConfig
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.published.families import Configuration, Family, families
from gfnet_mobile.published.file import PublishedFile, read_published

POLICY_KEYS = (
    (r"^state_encoder\.", "encoder."),
    (r"^(gru\.\w+)_l0$", r"\1"),
    (r"^actor\.0\.", "actor."),
)
LINEAR_KEYS = ((r"^encoder\.2\.", "encoder.3."), (r"^encoder\.0\.", "encoder.1."))
"""after those, where the encoder is linear: here its first layer flattens"""
RECURRENT_KEYS = (
    (r"^rnn\.(\w+)_l0$", r"gru.\1"),
    (r"^fc\.", "classifier."),
)
CASCADE_KEY = re.compile(r"^fc_(\d+)\.(.*)$")

AUTHORS = "Huang, Wang, Lv, Jiang, Huang, Qi, Song (arXiv 2201.03014)"

NEVER = 1.0
"""published thresholds above this stand for an exit that nobody takes (1e8 in the file)"""
MAX_LOSS = 0.5
"""points of accuracy that the default rule may lose against the best published one"""


@dataclass(frozen=True)
class Kind:
    """The configuration that a file turned out to be."""

    name: str
    family: Family
    configuration: Configuration
    patch: int
    steps: int


@dataclass(frozen=True)
class Named:
    """A tensor of the file under its name here."""

    source: str
    """where it stands in the file"""
    tensor: Tensor


@dataclass(frozen=True)
class Published:
    """A published file, converted."""

    model: GlanceFocusNet
    """in evaluation mode"""
    rules: dict[str, ExitRule]
    unused: tuple[str, ...]
    """tensors of the file that no step reads"""


def load_published(path: Path) -> Published:
    """Raises UserError for whatever is wrong with the file."""
    file = read_published(path)
    kind = recognise(file)
    model = GlanceFocusNet(config_of(file, kind))
    named, unused = _renamed(file, kind)
    _fill(model, named, path)
    return Published(model.eval(), _rules(file, kind.steps), unused)


def recognise(file: PublishedFile) -> Kind:
    """By ``model_name`` if the file has one, else by the shape of a telling tensor; P by the policy's input."""
    known = {name: (family, one) for family in families() for name, one in family.configurations.items()}
    encoder = file.tensors["model_prime_state_dict"]
    name = file.model_name
    if name is None:
        names = [
            candidate
            for candidate, (family, one) in known.items()
            if family.marked in encoder and tuple(encoder[family.marked].shape) == one.mark
        ]
        if not names:
            raise UserError(f"{file.path}: names no model, and its tensors fit none of {', '.join(known)}")
        name = names[0]
    if name not in known:
        raise UserError(f"{file.path}: unknown model_name {name!r}; known are {', '.join(known)}")
    family, configuration = known[name]
    patch = file.patch if file.patch is not None else _patch(file, family, configuration)
    if not 32 <= patch <= configuration.image:
        raise UserError(f"{file.path}: 'patch_size' {patch} must lie between 32 and {configuration.image} pixels")
    return Kind(name, family, configuration, patch, file.steps or family.steps)


def _patch(file: PublishedFile, family: Family, configuration: Configuration) -> int:
    """P from the width of the policy's input, channels · ceil(P / 32)²."""
    layer, channels = ("0", configuration.mark[0]) if family.policy.encoder == "linear" else ("3", 32)
    weight = file.tensors["policy"].get(f"state_encoder.{layer}.weight")
    if weight is None or weight.ndim != 2:
        raise UserError(f"{file.path}: policy: tensor 'state_encoder.{layer}.weight' is missing or no matrix")
    for patch in configuration.patches:
        if channels * (-(-patch // 32)) ** 2 == weight.shape[1]:
            return patch
    patches = " or ".join(map(str, configuration.patches))
    raise UserError(f"{file.path}: policy: an input of {weight.shape[1]} fits no patch of {patches} pixels")


def config_of(file: PublishedFile, kind: Kind) -> ModelConfig:
    classifier = file.tensors["model_prime_state_dict"].get(f"{kind.family.classifier}.weight")
    if classifier is None or classifier.ndim != 2:
        raise UserError(f"{file.path}: model_prime_state_dict: tensor '{kind.family.classifier}.weight' is missing")
    encoder = EncoderConfig(backbone=kind.configuration.backbone)
    return ModelConfig(
        name=f"{kind.name}-{kind.patch}",
        classes=classifier.shape[0],
        steps=kind.steps,
        patch=kind.patch,
        glance_filter=kind.family.glance_filter,
        glance_encoder=encoder,
        focus_encoder=encoder,
        policy=kind.family.policy,
        head=kind.family.head,
        preprocessing=Preprocessing(
            size=kind.configuration.image, resize=kind.configuration.resize, filter=kind.family.filter
        ),
        about=About(author=AUTHORS, description=f"GFNet, {kind.name}"),
    )


def _renamed(file: PublishedFile, kind: Kind) -> tuple[dict[str, Named], tuple[str, ...]]:
    """The tensors that are used, by their names in `GlanceFocusNet`, and what the others are called."""
    named, unused = {}, []
    for component, tensors in file.tensors.items():
        for name, tensor in tensors.items():
            ours = _name(component, name, kind)
            source = f"{component}: {name!r}"
            if ours is None:
                unused.append(source)
            else:
                named[ours] = Named(source, tensor)
    return named, tuple(unused)


def _name(component: str, name: str, kind: Kind) -> str | None:
    """None for a tensor that no step reads: critic, encoders' own classifiers, a cascade's steps beyond T."""
    cascade = kind.family.head.kind == "cascade"
    if component == "policy":
        rules = POLICY_KEYS + (LINEAR_KEYS if kind.family.policy.encoder == "linear" else ())
        return None if name.startswith("critic.") else f"policy.{_rewritten(name, rules)}"
    if component == "fc" and cascade:
        match = CASCADE_KEY.match(name)
        if match is None or not 2 <= int(match[1]) <= 5:
            return f"head.{name}"
        return None if int(match[1]) > kind.steps else f"head.classifiers.{int(match[1]) - 1}.{match[2]}"
    if component == "fc":
        return f"head.{_rewritten(name, RECURRENT_KEYS)}"
    glance = component == "model_prime_state_dict"
    classifier = f"{kind.family.classifier}."
    if name.startswith(classifier):
        if not glance or (kind.family.head.kind == "recurrent" and kind.family.head.glance == "recurrent"):
            return None
        return f"head.{'classifiers.0' if cascade else 'glance_classifier'}.{name.removeprefix(classifier)}"
    return f"{'glance' if glance else 'focus'}.backbone.{_rewritten(name, kind.family.keys)}"


def _rewritten(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _fill(model: GlanceFocusNet, named: dict[str, Named], path: Path) -> None:
    wanted = model.state_dict()
    for name, found in named.items():
        if name not in wanted:
            raise UserError(f"{path}: {found.source} belongs to no part of this network")
        if found.tensor.shape != wanted[name].shape:
            shapes = f"is {list(found.tensor.shape)}, must be {list(wanted[name].shape)}"
            raise UserError(f"{path}: {found.source} {shapes}")
    for name in wanted:
        if name not in named:
            raise UserError(f"{path}: no tensor for {name!r}")
    model.load_state_dict({name: found.tensor for name, found in named.items()})


def _rules(file: PublishedFile, steps: int) -> dict[str, ExitRule]:
    """The published rows of thresholds as rules ``published_01`` and so on, the default first: the earliest, and so
    cheapest, that loses at most `MAX_LOSS` points against the best."""
    table, accuracies = file.thresholds, file.accuracies
    if table is None or accuracies is None:
        return {}
    if table.ndim != 2 or table.shape[1] != steps or len(accuracies) != len(table):
        raise UserError(f"{file.path}: 'dynamic_threshold' is {list(table.shape)}, must be [budgets, {steps}]")
    if not (table.isfinite().all() and np.isfinite(accuracies).all()):
        raise UserError(f"{file.path}: 'dynamic_threshold' or its accuracies are not finite")
    rules = {
        f"published_{number:02d}": ExitRule(
            measure="max_softmax",
            temperature=(1.0,) * steps,
            thresholds=tuple(None if value > NEVER else max(0.0, value) for value in row[:-1]),
            calibration=Calibration(data="as published, ImageNet", accuracy=min(1.0, max(0.0, accuracy / 100))),
        )
        for number, (row, accuracy) in enumerate(zip(table.to(torch.float64).tolist(), accuracies, strict=True), 1)
    }
    enough = max(accuracies) - MAX_LOSS
    default = next(name for name, accuracy in zip(rules, accuracies, strict=True) if accuracy >= enough)
    return {default: rules[default], **rules}
