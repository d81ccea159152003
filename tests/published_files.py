"""Files in the released layout with made-up weights; see reference/README.md for the rule that fills them."""

import re
import sys
from pathlib import Path
from typing import Any

import torch

REFERENCE = Path(__file__).parent / "reference"
sys.path.insert(0, str(REFERENCE))

import make_checkpoint  # noqa: E402

CONFIGURATIONS = sorted(path.stem.removeprefix("manifest_") for path in REFERENCE.glob("manifest_*.json"))

OTHERS: dict[str, dict[str, Any]] = {
    "densenet201": {"like": "densenet169", "backbone": "densenet201", "state": (1920, 3, 3)},
    "regnety_1.6g": {"like": "regnety_800m", "backbone": "regnety_016", "state": (888, 3, 3)},
    "efficientnet_b3": {
        "like": "efficientnet_b2",
        "backbone": "efficientnet_b3",
        "state": (1536, 5, 5),
        "patch_size": 144,
        "image_size": 300,
    },
}
"""configurations without golden vectors: what differs from one that has them"""

PYCLS = (
    (r"\.conv1\.conv\.", ".f.a."),
    (r"\.conv1\.bn\.", ".f.a_bn."),
    (r"\.conv2\.conv\.", ".f.b."),
    (r"\.conv2\.bn\.", ".f.b_bn."),
    (r"\.conv3\.conv\.", ".f.c."),
    (r"\.conv3\.bn\.", ".f.c_bn."),
    (r"\.se\.fc1\.", ".f.se.f_ex.0."),
    (r"\.se\.fc2\.", ".f.se.f_ex.2."),
    (r"\.downsample\.conv\.", ".proj."),
    (r"\.downsample\.bn\.", ".bn."),
)
"""timm's names → pycls's"""


def manifest_of(configuration: str) -> dict[str, Any]:
    """What the file holds: from the reference, or for `OTHERS` from the tensors of timm's backbone."""
    if configuration in CONFIGURATIONS:
        return make_checkpoint.read_manifest(REFERENCE / f"manifest_{configuration}.json")
    import timm

    other = OTHERS[configuration]
    manifest = manifest_of(other["like"]) | {"config": configuration}
    manifest |= {key: value for key, value in other.items() if key in ("patch_size", "image_size")}
    channels, side, _ = other["state"]
    before = manifest["state_shape"]
    encoder = timm.create_model(other["backbone"], num_classes=0).state_dict()
    classifier = [row for row in manifest["components"]["model"] if row[0].startswith(("fc.", "classifier."))]
    rows = [[_pycls(name), list(t.shape), str(t.dtype).removeprefix("torch.")] for name, t in encoder.items()]
    rows += [[name, _scaled(shape, before[0], channels), dtype] for name, shape, dtype in classifier]
    manifest["components"] = {"model_prime": rows, "model": rows} | {
        part: [
            [name, _policy_shape(name, shape, before, channels, side) if part == "policy" else
             _scaled(shape, before[0], channels), dtype]
            for name, shape, dtype in manifest["components"][part]
        ]
        for part in ("fc", "policy")
    }  # fmt: skip
    return manifest | {"state_shape": [channels, side, side], "feature_num": channels}


def _pycls(name: str) -> str:
    if re.match(r"s\d\.b\d", name):
        for pattern, replacement in PYCLS:
            name = re.sub(pattern, replacement, name)
    return name


def _scaled(shape: list[int], old: int, new: int) -> list[int]:
    """The features' width replaced; a cascade's inputs are multiples of it."""
    return [shape[0], shape[1] * new // old] if len(shape) == 2 and shape[1] % old == 0 else shape


def _policy_shape(name: str, shape: list[int], old: list[int], channels: int, side: int) -> list[int]:
    if name == "state_encoder.0.weight":
        return [shape[0], channels, 1, 1] if len(shape) == 4 else [shape[0], channels * side * side]
    if name == "state_encoder.3.weight":
        return [shape[0], 32 * side * side]
    return shape


def content_of(configuration: str, layout: str = "released") -> dict[str, Any]:
    """The dictionary that a file of the authors holds; ``layout`` is released or train."""
    prefix = "module." if layout == "released" else ""
    return make_checkpoint.checkpoint(manifest_of(configuration), prefix=prefix, layout=layout)


def write(content: dict[str, Any], path: Path) -> Path:
    torch.save(content, path)
    return path
