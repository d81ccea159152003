"""Servers of the wire in processes of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def served(bundles: Path, results: Path, *options: str, port: int = 0) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`wire_server.py` with the bundles in a folder: its port and its process."""
    results.mkdir(exist_ok=True)
    script = Path(__file__).with_name("wire_server.py")
    command = [sys.executable, str(script), "--bundles", str(bundles), "--results", str(results), "--port", str(port)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["listening"], process
        finally:
            process.kill()
