"""The guides from checkpoint to app: their commands run, with what a wheel installs; their code is compiled."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import kotlin
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


def followed(guide, folder, environment):
    """Runs all that needs nothing, in one shell. pip installed the wheel already: a registry has none yet."""
    lines = [command for command, needed in commands(guide) if not needed and not command.startswith("pip install")]
    script = "\n".join(["set -eux", *lines])
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    return len(lines)


@pytest.fixture(scope="module", params=ELSEWHERE)
def guide(request, installed, tmp_path_factory):
    """A guide's name, and the folder in which it was followed."""
    folder = tmp_path_factory.mktemp("followed")
    assert followed(request.param, folder, installed) >= 4
    return request.param, folder


def test_a_guide_says_what_its_commands_need(guide):
    name, _ = guide
    assert {needed for _, needed in commands(name) if needed} == ELSEWHERE[name]
    assert next(commands(name))[0].startswith("pip install 'gfnet-mobile[export]'")


def test_embedding_needs_neither_torch_nor_a_runtime(guide, installed, tmp_path):
    _, folder = guide
    for name in ("torch", "timm", "coremltools", "executorch", "onnx", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not here')\n")
    where = ["python", "-c", "import gfnet_mobile, ios_bench; print(gfnet_mobile.__file__, ios_bench.__file__)"]
    environment = {**installed, "PYTHONPATH": str(tmp_path)}
    places = subprocess.run(where, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout
    assert str(ROOT) not in places and "site-packages" in places
    language = "--kotlin" if (folder / "demo").exists() else "--swift"
    command = ["gfnet-mobile", "embed", "bundles/demo.gfnet", language, str(tmp_path / "app")]
    subprocess.run(command, cwd=folder, env=environment, check=True)
    assert (tmp_path / "app" / "README.md").is_file()


def code(guide, language, word):
    """The one block of code in a guide with ``word`` in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs" / guide).read_text(), re.DOTALL)
    (found,) = (block for block in blocks if word in block)
    return found


@pytest.mark.parametrize("guide", ["app-ios.md"], indirect=True)
def test_the_iphone_guide_s_package_passes_its_test_in_swift(guide):
    _, folder = guide
    (command,) = (command for command, needed in commands(guide[0]) if needed == "Swift")
    said = swift.checked("env", f"--chdir={folder}", *command.split(), "--jobs", "1")
    assert "Test run with 1 test passed" in said


@pytest.mark.parametrize("guide", ["app-ios.md"], indirect=True)
def test_the_iphone_guide_s_lines_agree_with_the_package(guide, tmp_path):
    name, folder = guide
    lines = [line for line in code(name, "swift", "DemoClassifier").splitlines() if line and "import" not in line]
    assert len(lines) <= 5
    example = tmp_path / "Example.swift"
    body = "\n".join(f"    {line}" for line in lines)
    example.write_text(f"import CoreVideo\n\nfunc example(pixelBuffer: CVPixelBuffer) async throws {{\n{body}\n}}\n")
    resources = tmp_path / "Resources.swift"  # SwiftPM makes it of the package's resources
    resources.write_text("import Foundation\nextension Bundle { static var module: Bundle { .main } }\n")
    swift.type_check(*sorted((folder / "DemoNet/Sources/DemoNet").glob("*.swift")), resources, example)


@pytest.mark.parametrize("guide", ["app-android.md"], indirect=True)
def test_the_android_guide_s_module_passes_its_test_and_its_activity_compiles(guide, tmp_path):
    name, folder = guide
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "LookActivity.kt").write_text(code(name, "kotlin", "LookActivity"))
    parts = {part: folder / "demo/src" / part for part in ("androidTest", "main")}
    kotlin.compile_app([*(part / "kotlin" for part in parts.values()), tmp_path / "app"], tmp_path / "classes")
    assets = [part / "assets" for part in parts.values()]
    (tmp_path / "files").mkdir()
    said = kotlin.build().test("org.gfnetmobile.demo.GoldenTest", tmp_path / "classes", assets, tmp_path / "files")
    assert "OK (1 test)" in said


@pytest.mark.parametrize("guide", ["app-android.md"], indirect=True)
def test_the_android_guide_s_lines_for_gradle_are_those_of_the_module(guide):
    name, folder = guide
    readme = (folder / "demo" / "README.md").read_text()
    assert code(name, "kotlin", "include(") in readme
    assert code(name, "kotlin", "dependencies").strip() in readme
