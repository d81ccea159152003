"""Tiny bundles and pictures that many tests share; see programs.py."""

from pathlib import Path

import numpy as np
import programs
import pytest
from hypothesis import settings
from PIL import Image

from gfnet_mobile.bundle.store import Bundle

settings.register_profile("stress", max_examples=2000, deadline=None)


@pytest.fixture(scope="session")
def recurrent_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle to read; tests that change one make their own."""
    return programs.make_bundle(tmp_path_factory.mktemp("bundles") / "tiny.gfnet", programs.recurrent())


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "picture.png"
    Image.fromarray(np.random.default_rng(5).integers(0, 256, (60, 80, 3), np.uint8)).save(path)
    return path
