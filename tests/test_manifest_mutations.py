"""Whatever happens to a manifest: it opens and is sound, or it is refused in one line. Nothing outside is read."""

import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutated_manifests import mutated

from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.errors import UserError
from gfnet_mobile.host.session import Session

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture(scope="module")
def folder(recurrent_bundle, tmp_path_factory):
    return shutil.copytree(recurrent_bundle.folder, tmp_path_factory.mktemp("mutated") / "tiny.gfnet")


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_mutated_manifest_opens_soundly_or_is_refused(recurrent_bundle, folder, data):
    manifest = json.loads((recurrent_bundle.folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(mutated(manifest, data)))
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
