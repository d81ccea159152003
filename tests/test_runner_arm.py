"""The runner on 64-bit ARM: cross-compiled, linked with ExecuTorch's ARM libraries, run under qemu.

qemu says nothing of speed; it computes as the processor does.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import native
import native_bundles
import programs
import pytest
from lab import arm

from android_bench.portable import assemble
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.errors import UserError


def runner() -> Path:
    return native.build("arm") / "gfnet-runner"


def verified(bundle: Bundle, program: Path | None = None) -> str:
    done = arm.run(program or runner(), "verify", str(bundle.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_an_arm_program_and_no_backend_was_left_out() -> None:
    headers = subprocess.run(["readelf", "-hd", runner()], capture_output=True, text=True, check=True).stdout
    assert "AArch64" in headers
    assert "libexecutorch_backend_xnnpack.so" in headers and "libexecutorch_kernels_quantized.so" in headers


@pytest.mark.parametrize("name", programs.ALL)
def test_every_kind_of_program_verifies(name: str) -> None:
    assert "same label for 4 of 4 images" in verified(native_bundles.conformance()[name])


@pytest.mark.parametrize("bundle", [native_bundles.demo, native_bundles.demo_int8])
def test_the_shipped_network_verifies_in_float32_and_int8(bundle: Callable[[], Bundle]) -> None:
    assert "same label for 8 of 8 images" in verified(bundle())


def test_a_portable_folder_runs_with_its_own_loader_and_libraries_alone(tmp_path: Path) -> None:
    folder = tmp_path / "portable"
    assemble(runner(), arm.library_folders(), folder)
    bundle = native_bundles.conformance()["recurrent"].folder
    start = (folder / "start").read_text().splitlines()[-1]
    assert start == 'exec "$here/ld-linux-aarch64.so.1" --library-path "$here" "$here/gfnet-runner" "$@"'
    # what `start` does, but for the shell, which would be this machine's
    loader = [*arm.emulator(system=tmp_path), folder / "ld-linux-aarch64.so.1", "--library-path", folder]
    done = subprocess.run([*loader, folder / "gfnet-runner", "verify", bundle], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "same label for 4 of 4 images" in done.stdout
    assert sum(file.stat().st_size for file in folder.iterdir()) < 25e6


def test_a_portable_folder_is_refused_where_a_library_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^libexecutorch.*, which .* needs: no such library for AArch64 in /nowhere"):
        assemble(runner(), [Path("/nowhere"), arm.CROSS_LIBRARIES], tmp_path / "portable")
    assert not (tmp_path / "portable").exists()


def test_libraries_of_another_machine_are_passed_over(tmp_path: Path) -> None:
    wheel = native.wheel() / "lib"
    with pytest.raises(UserError, match=r"^libexecutorch.*no such library for AArch64"):
        assemble(runner(), [wheel, *arm.library_folders()[1:]], tmp_path / "portable")
    assemble(runner(), [wheel, *arm.library_folders()], tmp_path / "portable")


def test_what_is_no_program_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    with pytest.raises(UserError, match="text: not a program or library"):
        assemble(tmp_path / "text", [], tmp_path / "portable")
    with pytest.raises(UserError, match="not a program that is loaded with shared libraries"):
        assemble(arm.wheel() / "lib" / "libexecutorch.so", [], tmp_path / "portable")
