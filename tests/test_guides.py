"""The guides from checkpoint to app: their commands run, with what a wheel installs; their code is compiled."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import kotlin
import native_bundles
import pytest
from lab import swift

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "app-ios.md": {"Swift", "Xcode"},
    "app-android.md": {"Gradle and a phone", "a phone"},
}
"""guide → what some of its commands need that is not here; Swift is, in a root of its own"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment variables of a virtual environment with gfnet-mobile from its wheel, far from this repository.
    All that it depends on comes from this environment."""
    folder = tmp_path_factory.mktemp("installed")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True).stdout
    (folder / "source").mkdir()
    copy = ["xargs", "-0", "cp", "--archive", "--parents", "--target-directory", folder / "source"]
    subprocess.run(copy, cwd=ROOT, check=True, input=files)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*pip, "wheel", *options, folder / "source"], check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv")
    subprocess.run([*pip, "--python", folder / "venv/bin/python", "install", "--no-deps", wheel], check=True)
    (packages,) = (folder / "venv/lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    kept = {name: os.environ[name] for name in ("HOME", "OMP_NUM_THREADS") if name in os.environ}
    return {**kept, "PATH": f"{folder / 'venv/bin'}:{os.environ['PATH']}"}


def commands(guide):
    """Each command of a guide's console blocks, and what it needs that is not everywhere."""
    for block in re.findall(r"```console\n(.*?)```", (ROOT / "docs" / guide).read_text(), re.DOTALL):
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            command, _, needed = line.partition("# needs ")
            yield command.strip(), needed


def follow(guide, folder, environment):
    """Runs all that needs nothing, in one shell. pip installed the wheel already: a registry has none yet."""
    lines = [command for command, needed in commands(guide) if not needed and not command.startswith("pip install")]
    assert len(lines) >= 4
    script = "\n".join(["set -eux", *lines])
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]


def code(guide, language, word):
    """The one block of code in a guide with ``word`` in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / guide).read_text(), re.DOTALL)
    (found,) = (block for block in blocks if word in block)
    return found


@pytest.mark.parametrize("guide", ELSEWHERE)
def test_a_guide_says_what_its_commands_need(guide):
    assert {needed for _, needed in commands(guide) if needed} == ELSEWHERE[guide]
    assert next(commands(guide))[0] == "pip install 'gfnet-mobile[export]'"


def test_embedding_needs_neither_this_repository_nor_torch_nor_a_runtime(installed, tmp_path):
    for name in ("torch", "timm", "coremltools", "executorch", "onnx", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not here')\n")
    environment = {**installed, "PYTHONPATH": str(tmp_path)}
    where = ["python", "-c", "import gfnet_mobile, ios_bench; print(gfnet_mobile.__file__, ios_bench.__file__)"]
    places = subprocess.run(where, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout
    assert str(ROOT) not in places and "site-packages" in places
    command = ["gfnet-mobile", "embed", native_bundles.demo().folder, "--target", "executorch"]
    folders = ["--kotlin", tmp_path / "demo", "--swift", tmp_path / "DemoNet"]
    subprocess.run([*command, *folders], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "demo/README.md").is_file() and (tmp_path / "DemoNet/README.md").is_file()


def test_the_iphone_guide_holds(installed, tmp_path):
    guide = "app-ios.md"
    follow(guide, tmp_path, installed)
    (command,) = (command for command, needed in commands(guide) if needed == "Swift")
    said = swift.checked("env", f"--chdir={tmp_path}", *command.split(), "--jobs", "1")
    assert "Test run with 1 test passed" in said
    lines = [line for line in code(guide, "swift", "DemoClassifier").splitlines() if line and "import" not in line]
    assert len(lines) <= 5
    body = "\n".join(f"    {line}" for line in lines)
    example = tmp_path / "Example.swift"
    example.write_text(f"import CoreVideo\n\nfunc example(pixelBuffer: CVPixelBuffer) async throws {{\n{body}\n}}\n")
    swift.type_check_package(tmp_path / "DemoNet", example)


def test_the_android_guide_holds(installed, tmp_path):
    guide = "app-android.md"
    follow(guide, tmp_path, installed)
    readme = (tmp_path / "demo" / "README.md").read_text()
    assert code(guide, "kotlin", "include(") in readme and code(guide, "kotlin", "dependencies").strip() in readme
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "LookActivity.kt").write_text(code(guide, "kotlin", "LookActivity"))
    parts = [tmp_path / "demo/src" / part for part in ("androidTest", "main")]
    kotlin.compile_app([*(part / "kotlin" for part in parts), tmp_path / "app"], tmp_path / "classes")
    assets, files = [part / "assets" for part in parts], tmp_path / "files"
    files.mkdir()
    assert "OK (1 test)" in kotlin.build().test("org.gfnetmobile.demo.GoldenTest", tmp_path / "classes", assets, files)
