"""The Swift loop on Linux: what it adds to its graphs, and how it stands beside the C++ runner on the same graphs.

    python benchmarks/swift.py build/native-plain/gfnet-runner --rounds 200

On ExecuTorch, one thread, every image walked to the last step: the demo, and a network of the size of
MobileNet-V3-Large (see overhead.py). Swift runs in the root that its tests run in (tests/lab/swift.py). Both programs
take turns within a round, each first every other time; ratio first, with the 95 % interval of its median from 1,000
resamples.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from overhead import mobilenet
from rounds import spread

from export.bundle import export_bundle
from gfnet_mobile.bundle.golden import read_golden
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.wire import connect

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab import swift

WARMUP = 10


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("runner", type=Path)
    arguments.add_argument("--rounds", type=int, default=200)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_checkpoint(GlanceFocusNet(mobilenet()), folder / "mobilenet.safetensors")
        for model in ("demo", folder / "mobilenet.safetensors"):
            bundle = export_bundle(model, ["executorch"], folder)
            print(f"{bundle.manifest.name}:")
            _overhead(bundle, given.rounds)
            _beside_runner(given.runner, bundle, given.rounds)


def _overhead(bundle: Bundle, rounds: int) -> None:
    results = bundle.folder.parent / "results"
    swift.checked(swift.build() / "gfnet-swift", "bench", bundle.folder, results, bundle.manifest.name, str(rounds))
    lines = (results / f"{bundle.manifest.name}-cpu.jsonl").read_text().splitlines()
    last = f"end_to_end:{len(bundle.manifest.steps) - 1}"
    samples = [one for one in map(json.loads, lines) if one.get("what") == last]
    shares = [100 * (one["ms"] - one["graphs_ms"]) / one["ms"] for one in samples]
    print(
        f"  loop: {spread(shares)} % of {np.median([one['ms'] for one in samples]):.3f} ms are not its calls (bar: 1 %)"
    )


def _beside_runner(runner: Path, bundle: Bundle, rounds: int) -> None:
    programs = {"swift": swift.command(swift.build() / "gfnet-swift"), "runner": [str(runner)]}
    ratios, both = [], []
    with ExitStack() as servers:
        walks = {name: servers.enter_context(_walk(name, command, bundle)) for name, command in programs.items()}
        for number in range(rounds + WARMUP):
            order = sorted(walks, reverse=bool(number % 2))
            taken = {name: walks[name]() for name in order}
            if number >= WARMUP:
                ratios.append(taken["swift"] / taken["runner"])
                both.append((taken["swift"], taken["runner"]))
    middle = np.median(both, axis=0)
    print(f"  Swift / runner: {spread(ratios)} ({middle[0]:.3f} and {middle[1]:.3f} ms; bar: 1.03)")


@contextmanager
def _walk(name: str, command: list[str], bundle: Bundle) -> Iterator[Callable[[], float]]:
    """Milliseconds of one image in a server's process, all steps of it."""
    command = [*command, "serve", "--bundles", str(bundle.folder.parent), "--results", str(bundle.folder.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        with connect("127.0.0.1", json.loads(server.stdout.readline())["listening"], name) as connection:
            connection.ask("load", {"bundle": bundle.folder.name})
            pixels = read_golden(bundle)["images"][0]

            def walk() -> float:
                *_, last = connection.request("steps", {"threshold": 1}, {"image": pixels})
                return float(last.result["elapsed_ms"])

            yield walk
        server.kill()


if __name__ == "__main__":
    main()
