"""C++ on ExecuTorch, for this machine and for ARM: both give what the network gives in Python."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from lab import arm, native
from numpy.typing import NDArray

SOURCE = Path(native.__file__).parent / "run_pte"
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, NDArray[np.float32]]:
    """A small network as a program for XNNPACK, an input, and its output in Python."""
    torch.manual_seed(3)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(72, 5)
    )
    image = torch.rand(1, 3, 8, 8)
    program = to_edge_transform_and_lower(
        torch.export.export(network.eval(), (image,)), partitioner=[XnnpackPartitioner()]
    )
    path = tmp_path_factory.mktemp("pte") / "example.pte"
    path.write_bytes(program.to_executorch().buffer)
    return path, image.numpy().tobytes(), network(image).detach().numpy()


@pytest.fixture(scope="module")
def arm_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return native.build(SOURCE, tmp_path_factory.mktemp("arm"), "run_pte", *arm.options())


def test_this_machine_computes_as_python(example: tuple[Path, bytes, NDArray[np.float32]], tmp_path: Path) -> None:
    path, image, expected = example
    program = native.build(SOURCE, tmp_path, "run_pte", f"-DGFNET_EXECUTORCH_WHEEL={native.wheel()}")
    output = subprocess.run([program, path], input=image, capture_output=True, check=True).stdout
    np.testing.assert_allclose(np.frombuffer(output, np.float32), expected[0], atol=1e-6)


def test_arm_computes_as_python(example: tuple[Path, bytes, NDArray[np.float32]], arm_program: Path) -> None:
    path, image, expected = example
    done = arm.run(arm_program, str(path), stdin=image)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.frombuffer(done.stdout, np.float32), expected[0], atol=1e-6)


def test_the_arm_program_is_one_and_links_nothing_of_this_machine(arm_program: Path) -> None:
    headers = subprocess.run(["readelf", "-hd", arm_program], capture_output=True, text=True, check=True).stdout
    assert "AArch64" in headers
    assert "libexecutorch_backend_xnnpack.so" in headers and "libexecutorch_kernels_quantized.so" in headers


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("-DUNUSED=", "where is ExecuTorch?"),
        ("-DGFNET_EXECUTORCH_WHEEL=/nowhere", "no ExecuTorch there"),
        ("-DGFNET_EXECUTORCH_SOURCE=/nowhere", "CMakeLists.txt is missing"),
    ],
)
def test_without_executorch_cmake_says_what_is_missing(option: str, complaint: str, tmp_path: Path) -> None:
    done = subprocess.run(["cmake", "-S", SOURCE, "-B", tmp_path, option], capture_output=True, text=True)
    assert done.returncode != 0 and complaint in " ".join(done.stderr.split())
