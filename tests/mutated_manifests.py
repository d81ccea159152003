"""Manifests with something changed: any value, anywhere, by another, by none, or by one from another place."""

import copy
import json
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from gfnet_mobile.bundle.identity import bundle_id
from gfnet_mobile.bundle.manifest import Manifest

ODD_STRINGS = [
    "",
    ".",
    "..",
    "../x",
    "/etc/passwd",
    "onnx",
    "onnx/../..",
    "a\x00b",
    "a" * 5000,
    "\ud800",
    "C:\\x",
    "nul",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(ODD_STRINGS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def resealed(manifest: Any) -> Any:
    """With the ``bundle_id`` that follows from the content, so that more than the identity is tried."""
    try:
        return {**manifest, "bundle_id": bundle_id(Manifest.model_validate_json(json.dumps(manifest), strict=True))}
    except ValidationError:
        return manifest


def _places(value: Any, here: tuple[Any, ...] = ()) -> Any:
    """Paths of all nodes of a JSON document."""
    yield here
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from _places(inner, (*here, name))


def mutated(manifest: Any, data: st.DataObject) -> Any:
    """``manifest``, changed in one to three places, with the identity that follows."""
    for _ in range(data.draw(st.integers(1, 3))):
        nodes = list(_places(manifest))[1:]
        if not nodes:
            break
        *path, last = data.draw(st.sampled_from(nodes))
        parent = manifest
        for name in path:
            parent = parent[name]
        action = data.draw(st.sampled_from(["replace", "remove", "swap", "add"]))
        if action == "remove":
            del parent[last]
        elif action == "replace":
            parent[last] = data.draw(VALUES)
        elif action == "swap":  # with another part of the document: right kind, wrong place
            other = manifest
            for name in data.draw(st.sampled_from(nodes)):
                other = other[name]
            parent[last] = copy.deepcopy(other)
        elif isinstance(parent, dict):
            parent[data.draw(st.text(max_size=5) | st.sampled_from(ODD_STRINGS))] = data.draw(VALUES)
    return resealed(manifest)
