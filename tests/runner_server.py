"""A server as a process of its own: the runner's, or the Swift package's, which speaks the same protocol."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import native
from lab import swift


@dataclass
class Served:
    process: "subprocess.Popen[str]"
    port: int


def runner(variant: str = "plain") -> list[str]:
    """The program's command line, to be followed by ``serve`` and its options."""
    return [str(native.build(variant) / "gfnet-runner")]


def in_swift() -> list[str]:
    return swift.command(swift.build() / "gfnet-swift")


@contextmanager
def serving(bundles: Path, results: Path, program: list[str]) -> Iterator[Served]:
    """Ended when the block ends. A server that has crashed fails the test."""
    command = [*program, "serve", "--bundles", str(bundles), "--results", str(results)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        try:
            yield Served(process, json.loads(line)["listening"])
            crashed = process.poll() not in (None, -signal.SIGKILL)  # some tests kill it
        finally:
            process.kill()
        assert not crashed, process.stderr.read()
