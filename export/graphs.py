"""The networks that are exported, cut from a `GlanceFocusNet`: pure functions of named tensors, one image at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from export.crop import CROPS, CropForm
from export.stem import subsampling
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.models.encoder import Encoder
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.models.policy import ValueMapPolicy


@dataclass(frozen=True)
class Graph:
    """A network with the names of its tensors. ``module`` takes ``inputs`` and gives ``outputs`` in that order."""

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    """an example of each"""
    outputs: tuple[str, ...]
    samples: tuple[dict[str, Tensor], ...] = ()
    """inputs that it got on real images, where an exporter may ask which values to expect; see `export.calibration`"""


class Normalise(nn.Module):
    """RGB in [0, 1] → what the encoders were trained on, [1, 3, P, P]."""

    mean: Tensor
    scale: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(config.mean)[:, None, None])
        self.register_buffer("scale", 1 / torch.tensor(config.std)[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) * self.scale


def normalisation(config: ModelConfig) -> nn.Module:
    """`Normalise`, or nothing for a network that was trained on RGB in [0, 1] as it is."""
    return nn.Identity() if set(config.mean) == {0} and set(config.std) == {1} else Normalise(config)


class Glance(nn.Module):
    """``image`` [1, 3, S, S] → ``feature`` [1, F] and what the policy reads: ``state`` [1, C, s, s]; or ``hidden``
    [1, H], the map before the first look; or ``small_image`` [1, 3, G, G], what the encoder saw.

    Normalises after the resize, on the fewer pixels. The eager network does it before; rows of a resize sum to 1, so
    that both give the same numbers but for rounding. Where there is nothing to do between leaving out pixels and the
    first convolution, that convolution leaves them out.
    """

    def __init__(self, model: GlanceFocusNet) -> None:
        super().__init__()
        self.normalise, self.gives = normalisation(model.config), glance_gives(model)
        unchanged = isinstance(self.normalise, nn.Identity) and "small_image" not in self.gives
        direct = _subsampling_glance(model) if unchanged else None
        self.resize: nn.Module = nn.Identity() if direct else model.resize
        self.encoder = direct or model.glance
        self.policy = model.policy if "hidden" in self.gives else None

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        small_image = self.resize(image)
        feature, state = self.encoder(self.normalise(small_image))
        given = {"feature": feature, "state": state, "small_image": small_image}
        if self.policy is not None:
            given["hidden"] = self.policy.begin(state, small_image)
        return tuple(given[tensor] for tensor in self.gives)


def _subsampling_glance(model: GlanceFocusNet) -> Encoder | None:
    """The glance for the whole image, if it is every k-th pixel and its first convolution can leave out the others."""
    if model.config.glance_filter != "subsample" or not isinstance(model.glance, Encoder):
        return None
    return subsampling(model.glance, model.resize.stride, model.config.image)


class Static(nn.Module):
    """A network of one step, whole: ``image`` [1, 3, S, S] → ``logits`` [1, K]. Nothing in it can be skipped."""

    def __init__(self, model: GlanceFocusNet) -> None:
        super().__init__()
        self.glance, self.exit = Glance(model), Exit(model, 0, gives_memory=False)

    def forward(self, image: Tensor) -> tuple[Tensor]:
        (feature,) = self.glance(image)
        return self.exit(feature)


class ValueMap(nn.Module):
    """``small_image`` [1, 3, G, G] → ``hidden_out`` [1, H], the map before the first look, of a trunk of its own.

    A graph of its own, so that an image that leaves at the glance does not pay for it, nor any image twice.
    """

    def __init__(self, policy: ValueMapPolicy, config: ModelConfig) -> None:
        super().__init__()
        assert policy.trunk is not None
        self.normalise, self.trunk, self.values = normalisation(config), policy.trunk, policy.values

    def forward(self, small_image: Tensor) -> tuple[Tensor]:
        return (self.values(self.trunk(self.normalise(small_image))[1]),)


class Policy(nn.Module):
    """``image`` [1, 3, S, S], then what the policy reads: ``state`` [1, C, s, s] if any, ``hidden`` [1, H] → ``patch``
    [1, 3, P, P], ``position`` int32 [1, 2], ``hidden_out`` [1, H].

    Cuts out of the image as it came, not normalised. Where the host cuts, the policy itself is the graph.
    """

    def __init__(self, policy: nn.Module, patch: int, form: CropForm) -> None:
        super().__init__()
        self.policy, self.patch, self.form = policy, patch, form

    def forward(self, image: Tensor, *reads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        position, hidden_out = self.policy(*reads)
        return CROPS[self.form](image, position, self.patch), position, hidden_out


class Focus(nn.Module):
    """``patch`` [1, 3, P, P] → ``feature`` [1, F] and, where the policy reads it, ``state`` [1, C, s, s]."""

    def __init__(self, encoder: nn.Module, config: ModelConfig, gives_state: bool) -> None:
        super().__init__()
        self.normalise, self.encoder, self.gives_state = normalisation(config), encoder, gives_state

    def forward(self, patch: Tensor) -> tuple[Tensor, ...]:
        feature, state = self.encoder(self.normalise(patch))
        return (feature, state) if self.gives_state else (feature,)


class Exit(nn.Module):
    """``feature`` [1, F], ``memory`` [1, M] → ``logits`` [1, K], ``memory_out`` [1, M'], at ``step`` (0 is the glance).

    Holds the whole head; what this step does not reach is dropped when the graph is written.
    """

    def __init__(self, model: GlanceFocusNet, step: int, gives_memory: bool) -> None:
        super().__init__()
        self.head, self.step, self.gives_memory = model.head, step, gives_memory

    def forward(self, feature: Tensor, memory: Tensor | None = None) -> tuple[Tensor, ...]:
        if memory is None:
            memory = feature.new_zeros(1, self.head.memory_size(0))
        logits, memory_out = self.head(self.step, feature, memory)
        return (logits, memory_out) if self.gives_memory else (logits,)


def exit_name(config: ModelConfig, step: int) -> str:
    """The exit graph of a step, counted from 0: ``exit`` where steps share weights, else ``exit_1`` to ``exit_T``."""
    shared = config.head.kind == "recurrent" and not (config.head.glance == "classifier" and step == 0)
    return "exit" if shared else f"exit_{step + 1}"


def glance_gives(model: GlanceFocusNet) -> tuple[str, ...]:
    """The glance's outputs: its feature, and what the policy will read."""
    if model.policy is None:
        return ("feature",)
    if model.policy.reads_state:
        return ("feature", "state")
    return ("feature", "hidden") if model.policy.begins_at == 0 else ("feature", "small_image")


def graphs_of(model: GlanceFocusNet, crop: CropForm = "slice") -> list[Graph]:
    """All graphs that some step of ``model`` calls, in the order of their first call. ``crop``: how patches are cut."""
    config = model.config
    image = torch.zeros(1, 3, config.image, config.image)
    if config.steps == 1:
        return [Graph("static", Static(model).eval(), {"image": image}, ("logits",))]
    graphs = [Graph("glance", Glance(model), {"image": image}, glance_gives(model))]
    for step in range(config.steps):
        if step == 1:
            graphs += _look(model, image, crop)
        if exit_name(config, step) not in [graph.name for graph in graphs]:
            graphs.append(_exit(exit_name(config, step), model, step))
    for graph in graphs:
        graph.module.eval()
    return graphs


def _look(model: GlanceFocusNet, image: Tensor, crop: CropForm) -> list[Graph]:
    """What a second step brings: the policy, after its map if it draws one, and the focus network."""
    config, policy = model.config, model.policy
    assert policy is not None  # there where there is a second step
    assert model.focus is not None
    patch = torch.zeros(1, 3, config.patch, config.patch)
    hidden = torch.zeros(1, policy.hidden_size)
    graphs = []
    if "small_image" in glance_gives(model):
        assert isinstance(policy, ValueMapPolicy)
        small_image = torch.zeros(1, 3, config.glance_side, config.glance_side)
        graphs.append(Graph("value_map", ValueMap(policy, config), {"small_image": small_image}, ("hidden_out",)))
    reads = {"hidden": hidden}
    if policy.reads_state:
        reads = {"state": torch.zeros(1, *model.glance.state_shape), **reads}
    encoded = ("feature", "state") if policy.reads_state else ("feature",)
    if crop == "host":
        graphs.append(Graph("policy", policy, reads, ("position", "hidden_out")))
    else:
        cuts = Policy(policy, config.patch, crop)
        graphs.append(Graph("policy", cuts, {"image": image, **reads}, ("patch", "position", "hidden_out")))
    graphs.append(Graph("focus", Focus(model.focus, config, policy.reads_state), {"patch": patch}, encoded))
    return graphs


def _exit(name: str, model: GlanceFocusNet, step: int) -> Graph:
    """A graph without the memory that nobody reads: a cascade's first step finds it in the glance's feature (see
    `export.program`) and its last leaves none."""
    config = model.config
    if config.head.kind == "cascade":
        takes, gives = step > 0, 0 < step < config.steps - 1
    else:
        takes = gives = True
    encoder = model.focus if step and model.focus is not None else model.glance
    inputs = {"feature": torch.zeros(1, encoder.feature_size)}
    if takes:
        inputs["memory"] = torch.zeros(1, model.head.memory_size(step))
    return Graph(name, Exit(model, step, gives), inputs, ("logits", "memory_out") if gives else ("logits",))
