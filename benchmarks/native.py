"""The runner's loop: what it adds to its graphs, and how it stands beside the Python host on the same graphs.

    python benchmarks/native.py build/native-plain/gfnet-runner --rounds 40

The network is MobileNet-V3-Large sized (see overhead.py), on ExecuTorch, one thread, every image walked to the last
step. Runner and Python take turns within a round, each first every other time; ratio first, with the 95 % interval of
its median from 1,000 resamples.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from frontier import spread
from overhead import mobilenet

from export.bundle import export_bundle
from gfnet_mobile import Session
from gfnet_mobile.bundle.golden import read_golden
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.wire import connect

WARMUP = 5
STARTS = 20


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("runner", type=Path)
    arguments.add_argument("--rounds", type=int, default=40)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_checkpoint(GlanceFocusNet(mobilenet()), folder / "model.safetensors")
        bundle = export_bundle(folder / "model.safetensors", ["executorch"], folder)
        _overhead(given.runner, bundle, given.rounds)
        _beside_python(given.runner, bundle, given.rounds)
        _start(given.runner, export_bundle("demo", ["executorch"], folder))
    print(f"program without ExecuTorch's libraries: {given.runner.stat().st_size / 1e6:.2f} MB (bar: 2 MB)")


def _overhead(runner: Path, bundle: Bundle, rounds: int) -> None:
    command = [str(runner), "bench", str(bundle.folder), "--rounds", str(rounds)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    samples = [json.loads(line) for line in lines if '"end_to_end:2"' in line]
    samples = [one for one in samples if "index" in one]
    shares = [100 * (one["ms"] - one["graphs_ms"]) / one["ms"] for one in samples]
    whole = np.median([one["ms"] for one in samples])
    print(f"loop: {spread(shares)} % of {whole:.2f} ms are not its calls (bar: 1 %)")


def _beside_python(runner: Path, bundle: Bundle, rounds: int) -> None:
    command = [str(runner), "serve", "--bundles", str(bundle.folder.parent), "--results", str(bundle.folder.parent)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        Session(bundle, "executorch") as session,
    ):
        assert server.stdout is not None
        connection = connect("127.0.0.1", json.loads(server.stdout.readline())["listening"], "the runner")
        connection.ask("load", {"bundle": bundle.folder.name})
        pixels = read_golden(bundle)["images"][0]
        image = session.prepare(from_pixels(pixels))

        def native() -> float:
            *_, last = connection.request("steps", {"threshold": 1}, {"image": pixels})
            return float(last.result["elapsed_ms"])

        def python() -> float:
            *_, last = session.steps(image)
            return last.elapsed_ms

        ratios, both = [], []
        for number in range(rounds + WARMUP):
            order = (native, python) if number % 2 else (python, native)
            taken = {work: work() for work in order}
            if number >= WARMUP:
                ratios.append(taken[native] / taken[python])
                both.append((taken[native], taken[python]))
        server.kill()
    middle = np.median(both, axis=0)
    print(f"runner / Python: {spread(ratios)} ({middle[0]:.2f} and {middle[1]:.2f} ms; bar: not slower)")


def _start(runner: Path, bundle: Bundle) -> None:
    """From the process's start to the first answer, on the demo."""
    from PIL import Image

    picture = bundle.folder.parent / "picture.png"
    Image.fromarray(read_golden(bundle)["images"][0]).save(picture)
    taken = []
    for _ in range(STARTS):
        begun = time.perf_counter()
        subprocess.run([str(runner), "run", str(bundle.folder), str(picture)], check=True, capture_output=True)
        taken.append(1e3 * (time.perf_counter() - begun))
    print(f"start to first answer, demo: {np.median(taken):.0f} ms, at most {max(taken):.0f} ms (bar: 150 ms)")


if __name__ == "__main__":
    main()
