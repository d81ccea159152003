"""What the wire adds to a step: a stepwise session against a server, beyond the graphs' own time on its clock.

gfnet-runner serve --bundles bundles --results build --port 7001 &
python benchmarks/wire.py bundles/photos.gfnet tcp:127.0.0.1:7001
"""

import argparse
from pathlib import Path

import numpy as np

from gfnet_mobile.bundle.golden import read_golden
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.devices import session_on
from gfnet_mobile.host.preprocess import from_pixels


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("bundle", type=Path)
    arguments.add_argument("device")
    arguments.add_argument("--rounds", type=int, default=100)
    given = arguments.parse_args()
    bundle = open_bundle(given.bundle)
    pixels = read_golden(bundle)["images"]
    added: dict[int, list[float]] = {}
    crossed: dict[int, int] = {}
    with session_on(given.device, bundle) as session:
        for number in range(given.rounds + 10):
            before = 0.0
            for step in session.steps(from_pixels(pixels[number % len(pixels)])):
                trip = session.runtime.last  # type: ignore[attr-defined]
                if number >= 10:
                    graphs = sum(milliseconds for _, milliseconds in trip.device_ms)
                    added.setdefault(step.index, []).append(step.elapsed_ms - before - graphs)
                    crossed[step.index] = max(crossed.get(step.index, 0), trip.sent + trip.received)
                before = step.elapsed_ms
    for index, milliseconds in added.items():
        low, middle, high = np.percentile(milliseconds, [5, 50, 95])
        spread = f"{middle:.3f} ms, 5 to 95 % of steps {low:.3f} to {high:.3f}"
        print(f"step {index}: the wire adds {spread} (bar: 1 ms); {crossed[index]:,} bytes at most")


if __name__ == "__main__":
    main()
