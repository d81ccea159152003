"""The published search of thresholds against a plain double loop over budgets and samples, as the released code has it.

python benchmarks/thresholds.py --samples 200000
"""

import argparse
import resource
from time import perf_counter

import numpy as np

from gfnet_mobile.calibrate.budgets import (
    BUDGETS,
    EVERYBODY,
    NOBODY,
    Floats,
    exit_shares,
    published_thresholds,
)

STEPS = 5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--samples", type=int, default=200_000)
    chosen = arguments.parse_args()
    confidence = np.random.default_rng(0).random((STEPS, chosen.samples), np.float32)
    times = {}
    start = perf_counter()
    found = published_thresholds(confidence)
    times["published search"] = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    start = perf_counter()
    plain = plain_loop(confidence)
    times["plain double loop"] = perf_counter() - start
    print(f"{chosen.samples} samples, {STEPS} steps, {BUDGETS} budgets; peak memory of the search {peak:.0f} MB")
    for name, seconds in times.items():
        print(f"{times['plain double loop'] / seconds:7.1f} x  {seconds:8.2f} s  {name}")
    print("the search equals the loop:", np.array_equal(plain, found))


def plain_loop(confidence: Floats) -> Floats:
    """What `published_thresholds` gives, one sample after another."""
    steps, count = confidence.shape
    thresholds = np.full((BUDGETS, steps), EVERYBODY, np.float32)
    orders = [np.argsort(-row, kind="stable").tolist() for row in confidence]
    values = confidence.tolist()
    for budget, shares in enumerate(exit_shares(steps)):
        gone = [False] * count
        for step in range(steps - 1):
            quota, left, threshold = int(np.floor(np.float32(count) * shares[step])), 0, float(NOBODY)
            for sample in orders[step]:
                if not gone[sample]:
                    left += 1
                    if left == quota:
                        threshold = values[step][sample]
                        break
            for sample in range(count):
                if values[step][sample] >= threshold:
                    gone[sample] = True
            thresholds[budget, step] = threshold
    return thresholds


if __name__ == "__main__":
    main()
