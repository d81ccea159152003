"""The bench app on a phone of the laboratory: a server of this machine, with the app's documents as its folders.

Started by the stand-ins for ``ios`` and ``xcrun`` as the phone would, in a process that outlives them. What runs is in
``app.json`` of the phone's folder, for usbmuxd's stand-in to find.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

START_S = 60


def start(folder: Path, command: Sequence[str], arguments: Sequence[str]) -> int:
    """Run ``command`` as the app that was given ``--serve PORT``. Gives its process number."""
    stop(folder)
    documents = folder / "container" / "Documents"
    for name in ("bundles", "results"):
        (documents / name).mkdir(parents=True, exist_ok=True)
    serve = ["serve", "--bundles", str(documents / "bundles"), "--results", str(documents / "results"), "--port", "0"]
    log = folder / "app.log"
    with log.open("wb") as out:
        quiet = subprocess.DEVNULL
        app = subprocess.Popen([*command, *serve], stdin=quiet, stdout=out, stderr=out, start_new_session=True)
    asked = int(arguments[list(arguments).index("--serve") + 1])
    end = time.monotonic() + START_S
    while not (said := log.read_text()).endswith("\n"):
        if app.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"the app did not start: {said}")
        time.sleep(0.01)
    content = {"process": app.pid, "asked": asked, "port": json.loads(said.splitlines()[0])["listening"]}
    (folder / "app.new").write_text(json.dumps(content))
    os.replace(folder / "app.new", folder / "app.json")
    return app.pid


def port(folder: Path, asked: int) -> int | None:
    """Where on this machine the app's ``asked`` is."""
    with suppress(OSError, ValueError):
        running = json.loads((folder / "app.json").read_text())
        if running["asked"] == asked:
            return int(running["port"])
    return None


def stop(folder: Path) -> bool:
    """Was there one to stop?"""
    with suppress(OSError, ValueError):
        process = json.loads((folder / "app.json").read_text())["process"]
        (folder / "app.json").unlink()
        with suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        return True
    return False
