"""`gfnet-runner serve` as a process of its own."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import native


@dataclass
class Served:
    process: "subprocess.Popen[str]"
    port: int


@contextmanager
def serving(bundles: Path, results: Path, variant: str = "plain") -> Iterator[Served]:
    """Ended when the block ends. A server that has crashed fails the test."""
    runner = native.build(variant) / "gfnet-runner"
    command = [str(runner), "serve", "--bundles", str(bundles), "--results", str(results)]
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
