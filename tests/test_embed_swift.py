"""Embedded Swift packages, in a Debian root: on ExecuTorch they run, for Core ML they agree with Apple's documents."""

import re

import embedded
import native_bundles
import pytest
from lab import swift

from gfnet_mobile.embed.swift import write_swift_package

FOLDER = swift.SCRATCH / "embedded"
"""always the same, so that only what has changed is built again"""


@pytest.fixture
def tested():
    """Writes a bundle's package; then runs its tests: what they say, and whether they passed."""

    def run(bundle):
        write_swift_package(bundle, "executorch", FOLDER / "package")
        place = ["--package-path", FOLDER / "package", "--scratch-path", FOLDER / "build", "--jobs", "1"]
        with swift.alone(FOLDER.with_suffix(".lock")):
            swift.checked("swift", "build", "--build-tests", *place, "-Xswiftc", "-warnings-as-errors")
            done = swift.run("swift", "test", *place, "-Xswiftc", "-warnings-as-errors")
        return done.stdout + done.stderr, done.returncode == 0

    return run


def test_golden_vectors_are_replayed(tested):
    said, passed = tested(native_bundles.demo())
    assert passed and "Test run with 1 test passed" in said, said
    assert re.search(r"demo: (\d+) golden images, \1 with the same label", said)


def test_a_device_that_computes_something_else_is_told(tested, tmp_path):
    said, passed = tested(embedded.bundle(tmp_path, name="demo", tolerance=1e-12))
    assert not passed and re.search(r"step \d, \w+, \w+: [\d.e-]+ > 1e-12", said), said


def test_on_apple_s_systems_executorch_s_own_package_is_found(tmp_path):
    names = re.findall(
        r'name: "(\w+)", package: "executorch"', (swift.PACKAGE / "ExecuTorchEngine/Package.swift").read_text()
    )
    assert len(names) == 4
    executorch = tmp_path / "executorch"  # with as many products, and nothing in them
    for name in names:
        (executorch / "Sources" / name).mkdir(parents=True)
        (executorch / "Sources" / name / "nothing.swift").touch()
    products = "".join(f'.library(name: "{name}", targets: ["{name}"]), ' for name in names)
    targets = "".join(f'.target(name: "{name}"), ' for name in names)
    described = f'Package(name: "executorch", products: [{products}], targets: [{targets}])'
    tools = "// swift-tools-version: 6.0\nimport PackageDescription\n"
    (executorch / "Package.swift").write_text(f"{tools}let package = {described}\n")

    package = tmp_path / "package"
    write_swift_package(embedded.bundle(tmp_path / "bundles"), "executorch", package)
    for file in package.rglob("Package.swift"):
        text = file.read_text().replace("#if os(Linux)", "#if os(Windows)")
        file.write_text(re.sub(r"\.package\(url: .*\)", f'.package(path: "{executorch}")', text))
    place = ["--package-path", package, "--scratch-path", tmp_path / "build"]
    assert str(executorch) in swift.checked("swift", "package", *place, "show-dependencies")


@pytest.mark.parametrize("labels", [("a", "b", "c", "d", "e"), None])
def test_a_package_for_core_ml_agrees_with_what_apple_documents(tmp_path, labels):
    write_swift_package(embedded.bundle(tmp_path / "bundles", labels=labels), "coreml", tmp_path / "package")
    swift.type_check_package(tmp_path / "package")


def test_labels_keep_their_texts(tmp_path):
    write_swift_package(embedded.bundle(tmp_path / "bundles", labels=embedded.LABELS), "coreml", tmp_path / "package")
    (labels,) = tmp_path.rglob("TinyLabel.swift")
    main = tmp_path / "main.swift"
    main.write_text('for label in TinyLabel.allCases { print(Array(label.text.utf8), terminator: "\\n") }\n')
    swift.checked("swiftc", "-warnings-as-errors", labels, main, "-o", tmp_path / "labels")
    found = [bytes(map(int, re.findall(r"\d+", line))) for line in swift.checked(tmp_path / "labels").splitlines()]
    assert [text.decode() for text in found] == list(embedded.LABELS)


@pytest.mark.parametrize("target", ["coreml", "executorch"])
def test_what_is_written_has_the_form_of_our_own_sources(tmp_path, target):
    write_swift_package(embedded.bundle(tmp_path / "bundles"), target, tmp_path / "package")
    form = swift.PACKAGE / ".swift-format"
    ours = [tmp_path / "package" / name for name in ("Package.swift", "Sources", "Tests")]
    swift.checked("swift", "format", "lint", "--strict", "--configuration", form, "--recursive", *ours)
