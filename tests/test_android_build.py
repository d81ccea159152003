"""`gfnet-mobile android build`: what it asks of CMake, and what it says where something is missing.

There is no NDK here: a toolchain file in its place sends the build to this machine's compiler, so that all but the NDK
and ExecuTorch's own sources is real.
"""

import pytest

import android_bench.build
from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError


def test_the_ndk_is_asked_for_the_abi_and_the_oldest_android(tmp_path):
    asked = android_bench.build.configuration(tmp_path, "arm64-v8a", None)
    assert f"-DCMAKE_TOOLCHAIN_FILE={tmp_path}/build/cmake/android.toolchain.cmake" in asked
    assert {"-DANDROID_ABI=arm64-v8a", "-DANDROID_PLATFORM=android-26", "-DGFNET_EXECUTORCH_SOURCE=fetch"} <= set(asked)
    assert f"-DGFNET_EXECUTORCH_SOURCE={tmp_path}" in android_bench.build.configuration(tmp_path, "x86_64", tmp_path)


@pytest.fixture
def ndk(tmp_path):
    toolchain = tmp_path / "ndk" / android_bench.build.TOOLCHAIN
    toolchain.parent.mkdir(parents=True)
    toolchain.write_text("")
    return tmp_path / "ndk"


def test_what_is_missing_is_one_line(capfd, tmp_path, ndk):
    def refused(*arguments):
        assert main(["android", "build", *map(str, arguments)]) == 2
        error = capfd.readouterr().err
        assert error.count("\n") == 1
        return error

    assert "is no Android NDK" in refused("--ndk", tmp_path)
    assert "must be one of arm64-v8a, x86_64" in refused("--ndk", ndk, "--abi", "mips")
    assert "is no checkout of ExecuTorch" in refused("--ndk", ndk, "--executorch", tmp_path)


def test_a_build_that_fails_leaves_no_runner(tmp_path, ndk, monkeypatch):
    monkeypatch.setattr(android_bench.build, "BUILT", tmp_path / "build" / "android")
    (tmp_path / "executorch").mkdir()
    (tmp_path / "executorch" / "CMakeLists.txt").write_text("")
    with pytest.raises(UserError, match="cmake -S … failed"):
        android_bench.build.build(ndk, "arm64-v8a", tmp_path / "executorch")
    assert not (tmp_path / "build" / "android").exists()
