"""``gfnet-mobile embed``: what is written, under which names, and what is left alone."""

import json
import os
import shutil
from pathlib import Path

import embedded
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gfnet_mobile.cli.app import main
from gfnet_mobile.embed import folder as folders
from gfnet_mobile.embed.contents import MOST_LABELS
from gfnet_mobile.embed.folder import LISTING
from gfnet_mobile.embed.identifiers import label_names
from gfnet_mobile.embed.kotlin import write_gradle_module
from gfnet_mobile.embed.swift import RESERVED, write_swift_package
from gfnet_mobile.errors import UserError

LIBRARIES = ("GFNetKit/", "gfnet-mobile/")


@pytest.fixture
def bundle(tmp_path):
    return embedded.bundle(tmp_path / "bundles", name="photos_v2", labels=("cat", "golden retriever", "7 up", "é", ""))


def written(folder):
    """Its files, but those of our own libraries."""
    places = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    return {place for place in places if not place.startswith(LIBRARIES)}


def everything(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


GRAPHS = {"manifest.json", *(f"executorch/{graph}.pte" for graph in ("glance", "policy", "focus", "exit"))}


def test_a_swift_package_has_one_target_and_keeps_golden_vectors_for_its_tests(bundle, tmp_path):
    assert write_swift_package(bundle, "coreml", tmp_path / "Photos") == "PhotosV2Net"
    sources, tests = "Sources/PhotosV2Net", "Tests/PhotosV2NetTests"
    assert written(tmp_path / "Photos") == {
        LISTING, "Package.swift", "README.md", f"{sources}/PhotosV2Classifier.swift", f"{sources}/PhotosV2Label.swift",
        f"{tests}/GoldenTests.swift", f"{tests}/golden.safetensors",
        *(f"{sources}/photos_v2.gfnet/{name}" for name in GRAPHS),
    }  # fmt: skip
    for name in GRAPHS:
        copied = tmp_path / "Photos" / sources / "photos_v2.gfnet" / name
        assert copied.read_bytes() == bundle.path(name).read_bytes()


def test_a_gradle_module_has_one_target_and_keeps_golden_vectors_for_its_tests(bundle, tmp_path):
    assert write_gradle_module(bundle, tmp_path / "photos") == "org.gfnetmobile.photosv2"
    sources, tests, package = "src/main", "src/androidTest", "kotlin/org/gfnetmobile/photosv2"
    assert written(tmp_path / "photos") == {
        LISTING, "build.gradle.kts", "README.md", f"{sources}/{package}/PhotosV2Classifier.kt",
        f"{sources}/{package}/PhotosV2Label.kt", f"{tests}/{package}/GoldenTest.kt",
        f"{tests}/assets/photos_v2.gfnet/golden.safetensors",
        *(f"{sources}/assets/photos_v2.gfnet/{name}" for name in GRAPHS),
    }  # fmt: skip


def test_our_own_sources_stand_alone(bundle, tmp_path):
    write_swift_package(bundle, "coreml", tmp_path / "swift")
    write_gradle_module(bundle, tmp_path / "kotlin")
    assert not [file for file in tmp_path.rglob("*") if file.is_symlink()]
    assert (tmp_path / "swift/GFNetKit/Sources/CGFNetCore/core/prepare.cpp").is_file()
    library = tmp_path / "kotlin/gfnet-mobile"
    script = library / "kotlin/gfnet/build.gradle.kts"
    assert (script.parent / "../jni/CMakeLists.txt").is_file() and '"../jni/CMakeLists.txt"' in script.read_text()
    for name in ("cmake/project.cmake", "cmake/third_party.cmake", "core/pictures.cmake"):
        assert (library / name).is_file()
        assert f"${{BENCH}}/{name}" in (library / "kotlin/jni/CMakeLists.txt").read_text()


@pytest.mark.parametrize(
    ("labels", "lower", "upper"),
    [
        (["cat", "golden retriever"], ["cat", "goldenRetriever"], ["Cat", "GoldenRetriever"]),
        (["T-shirt", "iPhone", "USA flag"], ["tShirt", "iPhone", "usaFlag"], ["TShirt", "IPhone", "USAFlag"]),
        (["don't", "tench, Tinca tinca"], ["dont", "tenchTincaTinca"], ["Dont", "TenchTincaTinca"]),
        (["7 up", "0"], ["_7Up", "_0"], ["_7Up", "_0"]),
        (["crane", "dog", "crane", "Crane"], ["crane_0", "dog", "crane_2", "crane_3"],
         ["Crane_0", "Dog", "Crane_2", "Crane_3"]),
        (["", "😀", "class 1"], ["class0", "class1_1", "class1_2"], ["Class0", "Class1_1", "Class1_2"]),
        (["default", "none", "raw value"], ["default_", "none_", "rawValue_"], ["Default", "None", "RawValue"]),
        (["ﬁsh", "naïve café", "猫", "İ"], ["fish", "naïveCafé", "猫", "i"], ["Fish", "NaïveCafé", "猫", "İ"]),
    ],
)  # fmt: skip
def test_labels_become_identifiers(labels, lower, upper):
    assert label_names(labels, upper=False, reserved=RESERVED) == lower
    assert label_names(labels, upper=True, reserved=()) == upper


@given(st.lists(st.text() | st.sampled_from([*sorted(RESERVED), *embedded.LABELS])), st.booleans())
def test_every_label_has_an_identifier_of_its_own(labels, upper):
    names = label_names(labels, upper=upper, reserved=RESERVED)
    assert len(set(names)) == len(names) == len(labels)
    for name in names:
        assert name.isidentifier() and name not in RESERVED and max(name) < "\U00010000"


def test_the_texts_of_labels_are_kept(bundle, tmp_path):
    write_swift_package(bundle, "coreml", tmp_path / "swift")
    text = next((tmp_path / "swift").rglob("PhotosV2Label.swift")).read_text()
    assert "    case goldenRetriever\n    case _7Up\n    case é\n    case class4\n" in text
    assert '        "golden retriever",\n        "7 up",\n        "é",\n        "",\n' in text


@pytest.mark.parametrize("labels", [None, tuple(map(str, range(MOST_LABELS + 1)))])
def test_without_labels_or_with_too_many_an_answer_is_a_class_index(tmp_path, labels):
    bundle = embedded.bundle(tmp_path / "bundles", labels=labels)
    write_swift_package(bundle, "coreml", tmp_path / "swift")
    write_gradle_module(bundle, tmp_path / "kotlin")
    assert not [*tmp_path.rglob("*Label.swift"), *tmp_path.rglob("*Label.kt")]
    assert "public let label: Int" in next(tmp_path.rglob("*Classifier.swift")).read_text()
    assert "public val label: Int" in next(tmp_path.rglob("*Classifier.kt")).read_text()


@pytest.fixture
def package(bundle, tmp_path):
    folder = tmp_path / "Photos"
    write_swift_package(bundle, "coreml", folder)
    return folder


def test_embedding_again_replaces_what_was_written_and_nothing_else(package, tmp_path):
    (package / "Sources" / "PhotosV2Net" / "Mine.swift").write_text("mine")
    (package / "mine.txt").write_text("mine")
    (package / "README.md").unlink()
    write_swift_package(embedded.bundle(tmp_path / "new", name="photos_v2", labels=None), "executorch", package)
    assert "Mine.swift" in {file.name for file in package.rglob("*")} and (package / "mine.txt").read_text() == "mine"
    assert not [*package.rglob("PhotosV2Label.swift")]
    assert "ExecuTorchEngine" in (package / "Package.swift").read_text() and (package / "README.md").is_file()


def test_folders_that_have_become_empty_go(package, tmp_path):
    write_swift_package(embedded.bundle(tmp_path / "new", name="other"), "coreml", package)
    assert {folder.name for folder in (package / "Sources").iterdir()} == {"OtherNet"}


def test_the_same_again_changes_nothing(package, bundle):
    before = everything(package)
    write_swift_package(bundle, "coreml", package)
    assert everything(package) == before


def foreign_folder(folder):
    (folder / LISTING).unlink()


def a_file(folder):
    shutil.rmtree(folder)
    folder.write_text("mine")


def changed_file(folder):
    (folder / "Package.swift").write_text("mine")


def own_file_in_the_way(folder):
    listing = json.loads((folder / LISTING).read_text())
    del listing["files"]["README.md"]
    (folder / LISTING).write_text(json.dumps(listing))
    (folder / "README.md").write_text("mine")


def listing_that_leaves_the_folder(folder):
    (folder / LISTING).write_text(json.dumps({"kind": "Swift package", "files": {"../mine": "0" * 64}}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (foreign_folder, "was not written by gfnet-mobile; name a new folder"),
        (a_file, "was not written by gfnet-mobile; name a new folder"),
        (listing_that_leaves_the_folder, "was not written by gfnet-mobile; name a new folder"),
        (changed_file, "Package.swift: was made or changed by hand"),
        (own_file_in_the_way, "README.md: was made or changed by hand"),
    ],
)
def test_nobody_else_s_files_are_lost(bundle, package, capfd, change, words):
    change(package)
    before = everything(package.parent)
    assert main(["embed", str(bundle.folder), "--swift", str(package)]) == 2
    assert words in capfd.readouterr().err
    assert everything(package.parent) == before


def test_a_new_folder_is_there_at_once_or_not_at_all(bundle, tmp_path, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders.shutil, "copyfile", full)
    with pytest.raises(UserError, match=r"x: cannot write: no space left on device"):
        write_gradle_module(bundle, tmp_path / "x")
    assert [file.name for file in tmp_path.iterdir()] == ["bundles"]


def test_the_folder_may_be_the_one_that_one_is_in(bundle, tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path / "photos")
    write_gradle_module(bundle, Path("."))
    assert 'include(":photos", ":gfnet")' in Path("README.md").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "name a folder: --swift FOLDER, --kotlin FOLDER or both"),
        (["--swift", "x", "--target", "onnx"], "--target onnx: Swift packages run coreml or executorch"),
        (["--swift", "x", "--kotlin", "x"], "x: holds a Swift package, not a Gradle module"),
    ],
)
def test_what_cannot_be_is_one_line(bundle, tmp_path, monkeypatch, capfd, options, words):
    monkeypatch.chdir(tmp_path)
    assert main(["embed", str(bundle.folder), *options]) == 2
    err = capfd.readouterr().err
    assert words in err and err.count("\n") == 1


def test_a_name_that_makes_no_identifier_is_refused(tmp_path):
    for name in ("2024-photos", "7"):
        bundle = embedded.bundle(tmp_path / name, name=name)
        for write in (lambda b, to: write_swift_package(b, "coreml", to), write_gradle_module):
            with pytest.raises(UserError, match=f"name '{name}': makes no identifier; export it under one"):
                write(bundle, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_bundle_without_the_target_or_with_altered_files_is_refused(recurrent_bundle, bundle, tmp_path):
    with pytest.raises(UserError, match="no target 'coreml'; the bundle has onnx"):
        write_swift_package(recurrent_bundle, "coreml", tmp_path / "x")
    with pytest.raises(UserError, match="no target 'executorch'; the bundle has onnx"):
        write_gradle_module(recurrent_bundle, tmp_path / "x")
    bundle.path("executorch/focus.pte").write_bytes(b"altered")
    with pytest.raises(UserError, match="is not the file that was exported"):
        write_gradle_module(bundle, tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("there", ["an older package", "an empty folder"])
def test_an_interrupted_call_is_ended_by_the_same_call(package, tmp_path, monkeypatch, there):
    if there == "an empty folder":
        shutil.rmtree(package)
        package.mkdir()
    new = embedded.bundle(tmp_path / "new", name="other", labels=("a", "b", "c", "d", "e"))
    replace, left = os.replace, [20]

    def interrupted(source, target):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        replace(source, target)

    monkeypatch.setattr(folders.os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_swift_package(new, "coreml", package)
    monkeypatch.undo()
    write_swift_package(new, "coreml", package)
    write_swift_package(new, "coreml", tmp_path / "fresh")
    assert {file.relative_to(package): content for file, content in everything(package).items()} == {
        file.relative_to(tmp_path / "fresh"): content for file, content in everything(tmp_path / "fresh").items()
    }
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
