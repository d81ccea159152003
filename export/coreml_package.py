"""A Core ML package on disk: the model, its weights, and what Xcode shows of it.

Fields of the description: ``Model.proto`` and ``FeatureTypes.proto`` of coremltools.
"""

import json
from pathlib import Path
from shutil import copyfile
from typing import Any

import coremltools as ct

from export.packaging import Packaging

GRAPHS = {
    "glance": "the first look, at the whole image made small",
    "value_map": "what a look at each place would gain, drawn once per image",
    "policy": "where to look next",
    "focus": "a look at one patch at full resolution",
    "exit": "the answer after a look",
    "static": "the whole network, in one look",
}
"""by the graph's name; ``exit_2`` is an ``exit``, and ``policy_focus`` both"""
TENSORS = {
    "image": "the picture: RGB from 0 to 1",
    "small_image": "all of the picture made small: RGB from 0 to 1",
    "patch": "a part of the picture: RGB from 0 to 1",
    "feature": "what was seen in this look, for the exit head",
    "state": "what was seen in this look, for the policy",
    "hidden": "what the policy remembers; before its first call zeros, or what an earlier graph gives",
    "memory": "what the exit head remembers; zeros before its first call",
    "position": "row and column of the patch's top-left pixel in the picture",
    "logits": "one number a class; softmax makes probabilities of them",
    "classLabel": "the likeliest class",
    "classLabel_probs": "the probability of each class",
}
"""by the tensor's name; ``hidden_out`` is the next ``hidden``"""


def describe(specification: Any, graph: str, names: dict[str, str], packaging: Packaging) -> None:
    """Fills in who made the model, what it is, and what it takes and gives. ``names``: tensor → name in the file."""
    description, about = specification.description, packaging.about
    metadata = description.metadata
    metadata.Clear()
    metadata.author, metadata.license = about.author or "", about.licence or ""
    metadata.versionString = about.version or ""
    kind = ", then ".join(text for name, text in GRAPHS.items() if name in graph)
    metadata.shortDescription = f"{about.description or packaging.name}: {graph}, {kind}"
    metadata.userDefined["checkpoint"] = packaging.checkpoint
    tensors = {name: tensor for tensor, name in names.items()}
    for feature in (*description.input, *description.output):
        tensor = tensors.get(feature.name, feature.name)
        feature.shortDescription = TENSORS[tensor.removesuffix("_out")]
    if packaging.labels and "logits" in [feature.name for feature in description.output]:
        metadata.userDefined["labels"] = json.dumps(packaging.labels, ensure_ascii=False)


def write_package(model: ct.models.MLModel, specification: Any, path: Path) -> None:
    """The package as ``model.save`` lays it out, but with the same bytes for the same model.

    coremltools draws identifiers at random, and leaves a table for a debugger beside the model.
    """
    data = path / "Data" / "com.apple.CoreML"
    data.mkdir(parents=True)
    (data / "model.mlmodel").write_bytes(specification.SerializeToString(deterministic=True))
    items = {_MODEL: _item("model.mlmodel", "Specification")}
    weights = Path(model.weights_dir) / "weight.bin"
    if weights.is_file():  # a crop alone has none
        (data / "weights").mkdir()
        copyfile(weights, data / "weights" / "weight.bin")
        items[_WEIGHTS] = _item("weights", "Weights")
    manifest = {"fileFormatVersion": "1.0.0", "itemInfoEntries": items, "rootModelIdentifier": _MODEL}
    (path / "Manifest.json").write_text(json.dumps(manifest, indent=4) + "\n")


_MODEL, _WEIGHTS = "6d6f6465-6c00-4000-8000-000000000000", "77656967-6874-4000-8000-000000000000"


def _item(name: str, kind: str) -> dict[str, str]:
    return {
        "author": "com.apple.CoreML",
        "description": f"CoreML Model {kind}",
        "name": name,
        "path": f"com.apple.CoreML/{name}",
    }
