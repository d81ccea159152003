"""Tiny bundles and pictures that many tests share; see programs.py."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import programs
import pytest
from hypothesis import settings
from lab import iphone, phone
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


@pytest.fixture
def android(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[phone.Lab]:
    """An adb server of its own, to which a test adds phones; adbutils and adb talk to it."""
    phone.check_machine()
    lab = phone.Lab(tmp_path_factory.mktemp("android"))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(lab.server.port))
    yield lab
    lab.close()


@pytest.fixture
def iphones(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[iphone.Lab]:
    """usbmuxd, to which a test plugs phones in. A test adds the tools that drive them."""
    iphone.check_machine()
    lab = iphone.Lab(tmp_path_factory.mktemp("iphones"))
    for name, value in lab.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", f"{lab.tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("GFNET_APP", raising=False)
    yield lab
    lab.close()
