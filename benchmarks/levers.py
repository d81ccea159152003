"""What each lever on the demo's speed is worth, alone: as exported, divided by with the lever, after each step.

    python benchmarks/levers.py --rounds 200

The same scenes, one thread, all bundles in turn within a round, each first every other time; ratio first (above 1 the
lever is faster), with the 95 % interval of its median from 1,000 resamples.
"""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rounds import spread

from export.bundle import export_bundle
from gfnet_mobile import Session
from gfnet_mobile.data import sign_scenes

TARGETS = ("onnx", "executorch")
LEVERS = {
    "fuse": {"fuse": True},
    "host crop": {"crop": "host"},
    "both": {"fuse": True, "crop": "host"},
    "int8": {"compress": {"": "int8"}, "calibration": 500},
}
"""name → what `export_bundle` is told"""
WARMUP = 10


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=200)
    rounds = arguments.parse_args().rounds
    scenes, _ = sign_scenes(rounds + WARMUP, seed=3, split="test")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        bundles = {"": export_bundle("demo", TARGETS, folder / "plain")}
        for lever, options in LEVERS.items():
            bundles[lever] = export_bundle("demo", TARGETS, folder / lever, **options)
        for target in TARGETS:
            sessions = {lever: stack.enter_context(Session(one, target)) for lever, one in bundles.items()}
            taken = {lever: [] for lever in sessions}
            for number, scene in enumerate(scenes):
                for lever in sorted(sessions, reverse=number % 2 == 1):
                    prepared = sessions[lever].prepare(scene)
                    list(sessions[lever].steps(prepared))  # warms what preparing has emptied
                    steps = list(sessions[lever].steps(prepared))
                    if number >= WARMUP:
                        taken[lever].append([step.elapsed_ms for step in steps])
            plain = np.array(taken[""])
            for lever in LEVERS:
                ratios = (plain / np.array(taken[lever])).T
                for step, (ratio, mine) in enumerate(zip(ratios, plain.T, strict=True)):
                    print(
                        f"{target}, {lever}, after step {step}: {spread(ratio.tolist())} (of {np.median(mine):.3f} ms)"
                    )


if __name__ == "__main__":
    main()
