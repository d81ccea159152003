"""What CMake says where ExecuTorch is not where it was said to be."""

import subprocess
from pathlib import Path

import pytest
from lab.needs import need

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ([], "Where is ExecuTorch?"),
        (["-DGFNET_EXECUTORCH_WHEEL=/nowhere"], "/nowhere/share/cmake/executorch-config.cmake is missing; name"),
        (["-DGFNET_EXECUTORCH_SOURCE=/nowhere"], "/nowhere/CMakeLists.txt is missing or empty; name a checkout"),
    ],
)
def test_the_option_at_fault_is_named(option: list[str], complaint: str, tmp_path: Path) -> None:
    need("cmake", "apt-get install cmake")
    done = subprocess.run(
        ["cmake", "-S", ROOT / "android_bench", "-B", tmp_path, *option], capture_output=True, text=True
    )
    assert done.returncode != 0
    assert complaint in " ".join(done.stderr.split())


def test_a_checkout_without_its_submodules_is_named(tmp_path: Path) -> None:
    need("cmake", "apt-get install cmake")
    checkout = tmp_path / "executorch"
    (checkout / "third-party" / "flatcc").mkdir(parents=True)
    for name in ("CMakeLists.txt", "version.txt"):
        (checkout / name).touch()
    option = f"-DGFNET_EXECUTORCH_SOURCE={checkout}"
    done = subprocess.run(
        ["cmake", "-S", ROOT / "android_bench", "-B", tmp_path / "build", option], capture_output=True, text=True
    )
    assert "third-party/flatcc is missing or empty" in " ".join(done.stderr.split())
