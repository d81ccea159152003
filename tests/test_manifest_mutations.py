"""Whatever happens to a manifest: it opens and is sound, or it is refused in one line. Nothing outside is read."""

import copy
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gfnet_mobile.bundle.identity import bundle_id
from gfnet_mobile.bundle.manifest import Manifest
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session

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


PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def resealed(manifest):
    """With the ``bundle_id`` that follows from the content, so that more than the identity is tried."""
    try:
        return {**manifest, "bundle_id": bundle_id(Manifest.model_validate_json(json.dumps(manifest), strict=True))}
    except ValidationError:
        return manifest


def places(value, here=()):
    """Paths of all nodes of a JSON document."""
    yield here
    for name, inner in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(inner, (*here, name))


@pytest.fixture(scope="module")
def folder(recurrent_bundle, tmp_path_factory):
    return shutil.copytree(recurrent_bundle.folder, tmp_path_factory.mktemp("mutated") / "tiny.gfnet")


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_mutated_manifest_opens_soundly_or_is_refused(recurrent_bundle, folder, data):
    manifest = json.loads((recurrent_bundle.folder / "manifest.json").read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        nodes = list(places(manifest))[1:]
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
    (folder / "manifest.json").write_text(json.dumps(resealed(manifest)))
    try:
        bundle = open_bundle(folder)
        with Session(bundle) as session:
            session.classify(PIXELS, threshold=1)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        root = os.path.realpath(folder)
        assert all(os.path.realpath(bundle.path(name)).startswith(root + os.sep) for name in bundle.manifest.files)


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mutated_bytes_open_soundly_or_are_refused(recurrent_bundle, folder, data):
    content = bytearray((recurrent_bundle.folder / "manifest.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (folder / "manifest.json").write_bytes(content)
    try:
        open_bundle(folder)
    except UserError as error:
        assert "\n" not in str(error)
