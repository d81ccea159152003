"""The doctor and the list of devices say what is missing, and what to type."""

import sys

import pytest

from gfnet_mobile import doctor, runtimes
from gfnet_mobile.cli.app import main
from gfnet_mobile.devices import protocol, tcp


@pytest.fixture(autouse=True)
def no_phones(monkeypatch):
    """So that no test starts an adb server on this machine, or sees an iPhone that is plugged in."""
    monkeypatch.setitem(sys.modules, "adbutils", None)
    monkeypatch.setenv("USBMUXD_SOCKET_ADDRESS", "127.0.0.1:1")


def lacks(area):
    return {one.what: one.mend for one in doctor.examined() if one.area == area}


def test_a_missing_runtime_is_mended_by_pip(monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda package: None)
    assert "pip install 'gfnet-mobile[export]'" in lacks("target executorch").popitem()[1]


def test_missing_tools_are_named(monkeypatch, tmp_path):
    monkeypatch.delitem(sys.modules, "adbutils")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "adb"))
    assert set(lacks("building the runner")) == {"cmake", "a C++ compiler"}
    assert any("adb does not work" in what for what in lacks("android devices"))


def test_adbutils_is_needed_for_android_only():
    assert lacks("android devices")["Android devices need adbutils"] == "pip install 'gfnet-mobile[android]'"


def test_the_ndk_is_found_where_the_environment_says(monkeypatch, tmp_path):
    for name in ("ANDROID_NDK_HOME", "ANDROID_NDK_ROOT", "ANDROID_NDK", "ANDROID_HOME", "ANDROID_SDK_ROOT"):
        monkeypatch.delenv(name, raising=False)
    assert "gfnet-mobile android build --ndk PATH" in lacks("building it for phones")["Android NDK"]
    for version in ("9.1.2", "27.0.1"):
        (tmp_path / "ndk" / version / "build" / "cmake").mkdir(parents=True)
    monkeypatch.setenv("ANDROID_HOME", str(tmp_path))
    assert doctor.ndk() == tmp_path / "ndk" / "27.0.1"
    assert lacks("building it for phones") == {"": ""}


def test_devices_are_listed_with_what_keeps_them_from_use(monkeypatch, capfd):
    found = [protocol.Found("tcp:a", "a phone", ""), protocol.Found("tcp:b", "", "is offline: unplug it")]
    monkeypatch.setattr(tcp, "discover", lambda: found)
    assert main(["devices"]) == 0
    out = capfd.readouterr().out
    assert "ready" in out and "is offline: unplug it" in out
    assert lacks("tcp:b") == {"is offline": "unplug it"}


def test_no_device_fails(capfd):
    assert main(["devices"]) == 1
    assert "gfnet-mobile doctor" in capfd.readouterr().err
