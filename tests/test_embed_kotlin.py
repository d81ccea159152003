"""Embedded Gradle modules, compiled and run on this machine's JVM as ``test_kotlin.py`` runs the library."""

import shutil
import subprocess
from pathlib import Path

import embedded
import kotlin
import native
import native_bundles
import pytest

from gfnet_mobile.embed.kotlin import write_gradle_module


class App:
    """A module's classes, and files that it keeps from start to start."""

    def __init__(self, folder, bundle):
        self.folder, self.classes, self.files = folder, folder / "classes", folder / "files"
        self.files.mkdir(parents=True)
        self.package = write_gradle_module(bundle, folder / "module")
        sources = [folder / "module/src/main/kotlin", folder / "module/src/androidTest/kotlin"]
        kotlin.compile_app(sources, self.classes)

    def test(self):
        """Its test of golden vectors; the assets of app and test are one tree there."""
        assets = [self.folder / "module/src" / part / "assets" for part in ("androidTest", "main")]
        return kotlin.build().test(f"{self.package}.GoldenTest", self.classes, assets, self.files)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return App(tmp_path_factory.mktemp("app"), native_bundles.demo())


def test_golden_vectors_are_replayed(demo):
    said = demo.test()
    assert "OK (1 test)" in said and "demo: 8 golden images, 8 with the same label" in said


def test_a_bundle_is_copied_out_of_the_assets_when_it_has_changed(demo, tmp_path):
    demo.test()
    graph = next((demo.files / "demo.gfnet").rglob("*.pte"))
    copied = graph.stat().st_mtime_ns
    demo.test()
    assert graph.stat().st_mtime_ns == copied
    (demo.files / "demo.gfnet" / "manifest.json").write_text("older")
    demo.test()
    assert graph.stat().st_mtime_ns != copied
    assert [file.name for file in demo.files.iterdir()] == ["demo.gfnet"]


def test_a_device_that_computes_something_else_is_told(tmp_path):
    app = App(tmp_path, embedded.bundle(tmp_path / "bundles", tolerance=1e-12, labels=None))
    with pytest.raises(pytest.fail.Exception, match=r"step \d, \w+, \w+: [\d.E-]+, 1.0E-12 is allowed"):
        app.test()


def test_the_native_half_builds_from_what_is_in_the_module(demo, tmp_path):
    jdk = Path(shutil.which("javac") or "").resolve().parents[1]
    source = demo.folder / "module/gfnet-mobile/kotlin/jni"
    native.run("cmake", "-S", str(source), "-B", str(tmp_path), "-G", "Ninja", f"-DGFNET_JDK={jdk}")
    native.run("cmake", "--build", str(tmp_path))
    assert (tmp_path / "libgfnet_jni.so").is_file()


def test_labels_keep_their_texts(tmp_path):
    write_gradle_module(embedded.bundle(tmp_path / "bundles", labels=embedded.LABELS), tmp_path / "module")
    (labels,) = tmp_path.rglob("TinyLabel.kt")
    sources = tmp_path / "sources"
    sources.mkdir()
    shutil.copy(labels, sources)
    main = 'fun main() = TinyLabel.entries.forEach { println(it.text.encodeToByteArray().joinToString(" ")) }'
    (sources / "Main.kt").write_text(f"package org.gfnetmobile.tiny\n\n{main}\n")
    kotlin.compile_app([sources], tmp_path / "classes")
    jars = kotlin.class_path((tmp_path / "classes", *kotlin.build().classes))
    command = ["java", "-cp", jars, "org.gfnetmobile.tiny.MainKt"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    texts = [bytes(int(byte) % 256 for byte in line.split()).decode() for line in lines]
    assert texts == list(embedded.LABELS)


def test_what_is_written_has_the_form_of_our_own_sources(tmp_path):
    write_gradle_module(embedded.bundle(tmp_path / "bundles"), tmp_path / "module")
    shutil.copy(kotlin.SOURCES / ".editorconfig", tmp_path)
    command = ["java", "-jar", str(kotlin.ktlint()), "src/**/*.kt", "*.kts"]
    done = subprocess.run(command, cwd=tmp_path / "module", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
