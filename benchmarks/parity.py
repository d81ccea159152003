"""Parity on held-out scenes: every tensor of every step, and every decision, of each runtime against the eager network.

    python benchmarks/parity.py --count 200 --seed 0 [--checkpoint demo]

Exit code 1 if a tensor differs by more than 1e-4 of its largest value, a position differs, or a decision at the
bundle's thresholds differs without its confidence lying within 1e-4 of the threshold.
"""

import argparse
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch

from export.bundle import export_bundle
from gfnet_mobile import Session
from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.host.exit_rules import confidence, exit_steps
from gfnet_mobile.models.checkpoint import load_checkpoint
from gfnet_mobile.models.network import BatchStep

RUNTIMES = ("onnx", "executorch")
TENSORS = ("feature", "state", "hidden", "memory", "logits")
"""a patch is compared by its position; its pixels are the image's"""
BAR = 1e-4


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--count", type=int, default=200)
    arguments.add_argument("--seed", default="0", help="a number, or any text, such as a commit")
    arguments.add_argument("--checkpoint", default="demo")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    seed = zlib.crc32(chosen.seed.encode())
    images, _ = sign_scenes(chosen.count, seed=seed, split="test")
    model = load_checkpoint(chosen.checkpoint)
    eager = [_eager_steps(model, pixels) for pixels in images]
    logits = np.stack([[step.logits[0].numpy() for step in steps] for steps in eager])
    print(f"{chosen.count} held-out scenes, seed {chosen.seed!r}; differences are relative to the largest value")
    with tempfile.TemporaryDirectory() as folder:
        bundle = export_bundle(chosen.checkpoint, RUNTIMES, Path(folder))
        rule = bundle.manifest.rules[bundle.manifest.default_rule]
        passed = [_compare(Session(bundle, runtime), images, eager, logits, rule) for runtime in RUNTIMES]
    failed = passed.count(False)
    print(f"{len(passed) - failed} passed, {failed} failed")
    return 1 if failed else 0


@torch.inference_mode()
def _eager_steps(model: torch.nn.Module, pixels: np.ndarray) -> list[BatchStep]:
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    return list(model.steps(model.normalise(image)))


def _compare(
    session: Session, images: np.ndarray, eager: list[list[BatchStep]], expected: np.ndarray, rule: ExitRule
) -> bool:
    """Prints one line per tensor and one for the decisions; true if all of them hold."""
    largest: dict[str, float] = {}
    scale: dict[str, float] = {}
    moved = 0
    logits = np.empty_like(expected)
    with session:
        for index, pixels in enumerate(images):
            for step, reference in zip(session.steps(pixels), eager[index], strict=True):
                logits[index, step.index] = step.logits
                moved += step.position is not None and step.position != tuple(reference.position[0].tolist())
                for register, value in _reference(session, step.index, reference).items():
                    name = register.partition("_")[0]
                    difference = float(np.abs(session.register(register) - value).max())
                    largest[name] = max(largest.get(name, 0.0), difference)
                    scale[name] = max(scale.get(name, 0.0), float(np.abs(value).max()))
    runtime = f"{session.runtime.name} {session.runtime.version}"
    for name, difference in largest.items():
        print(f"{runtime:22} {name:10} {difference / scale[name]:.1e}")
    ends, reference_ends = exit_steps(rule, logits), exit_steps(rule, expected)
    labels = np.take_along_axis(logits.argmax(2), ends[:, None], 1) == np.take_along_axis(
        expected.argmax(2), reference_ends[:, None], 1
    )
    same = (ends == reference_ends) & labels[:, 0]
    explained = sum(_on_the_edge(rule, expected[index]) for index in np.flatnonzero(~same))
    print(
        f"{runtime:22} positions that moved {moved}; same decision {same.sum()} of {len(same)}, {explained} explained"
    )
    close = all(difference <= BAR * scale[name] for name, difference in largest.items())
    return close and not moved and int(same.sum()) + explained == len(same)


def _reference(session: Session, step: int, reference: BatchStep) -> dict[str, np.ndarray]:
    """Register → the eager network's value, for each float tensor that a call of this step wrote."""
    values = {}
    for call in session.bundle.manifest.steps[step].calls:
        for tensor, register in call.outputs.items():
            name = tensor.removesuffix("_out")
            if name in TENSORS and call.graph != "value_map":  # the map before a look; the policy's hidden follows
                values[register] = getattr(reference, name).numpy()
    return values


def _on_the_edge(rule: ExitRule, logits: np.ndarray) -> bool:
    sure = confidence(rule.measure, np.array(rule.temperature)[:, None], logits)[:-1]
    edges = np.array([np.inf if threshold is None else threshold for threshold in rule.thresholds])
    return bool((np.abs(sure - edges) <= BAR).any())


if __name__ == "__main__":
    sys.exit(main())
