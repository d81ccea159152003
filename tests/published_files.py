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
    "densenet201-96": {"like": "densenet169", "backbone": "densenet201", "state": (1920, 3, 3)},
    "regnety_1.6g-96": {"like": "regnety_800m", "backbone": "regnety_016", "state": (888, 3, 3)},
    "resnet50-128": {"like": "resnet50", "backbone": "resnet50", "state": (2048, 4, 4)},
    "mobilenetv3_large_100-128": {
        "like": "mobilenetv3_large_100",
        "backbone": "mobilenetv3_large_100",
        "state": (960, 4, 4),
    },
    "efficientnet_b3-128": {
        "like": "efficientnet_b2",
        "backbone": "efficientnet_b3",
        "state": (1536, 4, 4),
        "image_size": 300,
    },
    "efficientnet_b3-144": {
        "like": "efficientnet_b2",
        "backbone": "efficientnet_b3",
        "state": (1536, 5, 5),
        "image_size": 300,
    },
}
"""NAME-PATCH of configurations without golden vectors: what differs from one that has them"""

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
    name, patch = configuration.rsplit("-", 1)
    manifest = manifest_of(other["like"]) | {"config": name, "patch_size": int(patch)}
    manifest |= {"image_size": other.get("image_size", manifest["image_size"])}
    channels, side, _ = other["state"]
    features = old = manifest["feature_num"]
    if name != other["like"]:  # in this reference every such backbone pools its state
        features = channels
    encoder = timm.create_model(other["backbone"], num_classes=0).state_dict()
    classifier = [row for row in manifest["components"]["model"] if row[0].startswith(("fc.", "classifier."))]
    rows = [[_pycls(name), list(t.shape), str(t.dtype).removeprefix("torch.")] for name, t in encoder.items()]
    rows += [[name, _scaled(shape, old, features), dtype] for name, shape, dtype in classifier]
    manifest["components"] = {"model_prime": rows, "model": rows} | {
        part: [
            [name, _policy_shape(name, shape, channels, side) if part == "policy" else
             _scaled(shape, old, features), dtype]
            for name, shape, dtype in manifest["components"][part]
        ]
        for part in ("fc", "policy")
    }  # fmt: skip
    return manifest | {"state_shape": [channels, side, side], "feature_num": features}


def _pycls(name: str) -> str:
    if re.match(r"s\d\.b\d", name):
        for pattern, replacement in PYCLS:
            name = re.sub(pattern, replacement, name)
    return name


def _scaled(shape: list[int], old: int, new: int) -> list[int]:
    """The features' width replaced; a cascade's inputs are multiples of it."""
    return [shape[0], shape[1] * new // old] if len(shape) == 2 and shape[1] % old == 0 else shape


def _policy_shape(name: str, shape: list[int], channels: int, side: int) -> list[int]:
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
