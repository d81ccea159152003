"""The demo network against static networks of its family: accuracy on held-out scenes, latency side by side.

    python benchmarks/frontier.py --scenes 5000 --rounds 60 --write docs/frontier.md

Accuracy comes from the eager networks on test scenes; thresholds are chosen on validation scenes alone. Latency is
wall time from an image in its place to the answer, in one process, one thread, batch 1, every network and every exit
step once per round, medians over rounds. The expected latency of an exit rule is the share of images that leave at
each step times that step's latency.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image

from export.bundle import export_bundle
from gfnet_mobile import Session
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.host.exit_rules import choose_thresholds, exit_steps
from gfnet_mobile.host.preprocess import load_image
from gfnet_mobile.measure.results import this_device
from gfnet_mobile.models.checkpoint import load_checkpoint
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.training.rollout import logits_of

HERE = Path(__file__).parent
RUNTIMES = ("onnx", "executorch")
LOSSES = (0, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4)
"""how far below the last step's accuracy, on validation scenes, each point of the curve may lie"""


@dataclass(frozen=True)
class Curve:
    """Accuracies and, per round, latencies of the points of a family, cheapest first."""

    accuracy: np.ndarray
    """[points]"""
    latency: np.ndarray
    """ms [rounds, points]"""

    def at(self, accuracy: float) -> np.ndarray:
        """Latency in each round at ``accuracy``, between the two points around it; NaN where no point reaches it."""
        middle = np.median(self.latency, 0)
        best: list[int] = []  # points that no cheaper one reaches
        for point in np.argsort(middle):
            if not best or self.accuracy[point] > self.accuracy[best[-1]]:
                best.append(int(point))
        known = self.accuracy[best]
        if accuracy > known[-1]:
            return np.full(len(self.latency), np.nan)
        return np.array([np.interp(accuracy, known, row[best]) for row in self.latency])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--scenes", type=int, default=5000, help="test scenes")
    arguments.add_argument("--seed", type=int, default=1, help="of the test scenes")
    arguments.add_argument("--rounds", type=int, default=60)
    arguments.add_argument("--demo", default="demo", help="checkpoint of the dynamic network")
    arguments.add_argument("--statics", type=Path, default=HERE / "static", help="folder of static checkpoints")
    arguments.add_argument("--write", type=Path, help="Markdown file for the tables")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    statics = sorted(chosen.statics.glob("static-*.safetensors"), key=lambda file: int(file.stem.split("-")[1]))
    paths = [chosen.demo, *map(str, statics)]
    validation, test = (
        sign_scenes(4000, seed=9, split="validation"),
        sign_scenes(chosen.scenes, seed=chosen.seed, split="test"),
    )
    models = [load_checkpoint(path) for path in paths]
    logits = [_logits(model, test[0]) for model in models]
    rules = [choose_thresholds(_logits(models[0], validation[0]), validation[1], loss) for loss in LOSSES]
    shares = np.array([np.bincount(exit_steps(rule, logits[0]), minlength=logits[0].shape[1]) for rule in rules])
    right = [(of.argmax(2) == test[1][:, None]) for of in logits]
    accuracies = np.array([right[0][np.arange(chosen.scenes), exit_steps(rule, logits[0])].mean() for rule in rules])
    lines = _accuracy_lines(models, right, chosen.scenes)
    with tempfile.TemporaryDirectory() as folder:
        bundles = [export_bundle(path, RUNTIMES, Path(folder), name=f"m{index}") for index, path in enumerate(paths)]
        for runtime in RUNTIMES:
            steps, whole = _latencies(bundles, runtime, chosen.rounds)
            dynamic = Curve(accuracies, steps @ (shares / chosen.scenes).T)
            static = Curve(np.array([answers.mean() for answers in right[1:]]), whole)
            lines += _latency_lines(runtime, steps, static, models[1:]) + _ratio_lines(dynamic, static)
    text = "\n".join(lines) + "\n"
    print(text)
    if chosen.write:
        chosen.write.write_text(text)


def _logits(model: GlanceFocusNet, images: np.ndarray) -> np.ndarray:
    """float32 [N, T, K]; pictures are resized for smaller networks as the host does it."""
    preprocessing = model.config.preprocessing

    def batches():
        for start in range(0, len(images), 250):
            pixels = [
                load_image(Image.fromarray(image), preprocessing).image[0] for image in images[start : start + 250]
            ]
            batch = torch.from_numpy(np.stack(pixels))
            yield model.normalise(batch), torch.zeros(len(batch), dtype=torch.int64)

    return logits_of(model, batches())[0]


def _latencies(bundles: Sequence[Bundle], runtime: str, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """ms [rounds, T] of the dynamic network up to each step, and [rounds, networks] of the static ones."""
    sessions = [Session(bundle, runtime) for bundle in bundles]
    images = sign_scenes(rounds, seed=3, split="test")[0]
    runs: list[tuple[Session, int]] = [(sessions[0], step + 1) for step in range(len(bundles[0].manifest.steps))]
    runs += [(session, 1) for session in sessions[1:]]
    times = np.empty((rounds, len(runs)))
    for index, image in enumerate(images):
        for number, (session, steps) in enumerate(runs):
            prepared = session.prepare(image)
            once = timed(lambda: list(islice(session.steps(prepared), steps)))  # noqa: B023  (called at once)
            again = timed(lambda: list(islice(session.steps(prepared), steps)))  # noqa: B023
            times[index, number] = min(
                once, again
            )  # the first one warms the caches that preparing the image has emptied
    for session in sessions:
        session.close()
    dynamic = len(bundles[0].manifest.steps)
    return times[:, :dynamic], times[:, dynamic:]


def timed(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1e3


def _accuracy_lines(models: Sequence[GlanceFocusNet], right: Sequence[np.ndarray], scenes: int) -> list[str]:
    device = this_device()
    lines = [
        "# The demo network against static networks",
        "",
        f"`python benchmarks/frontier.py`, {date.today()}, {device.model}, {device.os}, one thread, batch 1;",
        f"{scenes} held-out scenes; no phone was measured. Between two networks of a family, latency is interpolated.",
        "",
        "| network | " + " | ".join(f"step {step}" for step in range(right[0].shape[1])) + " |",
        "|---" * (right[0].shape[1] + 1) + "|",
    ]
    for model, answers in zip(models, right, strict=True):
        cells = [f"{100 * share:.1f} %" for share in answers.mean(0)] + [""] * (right[0].shape[1] - answers.shape[1])
        lines.append(f"| {model.config.name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _latency_lines(runtime: str, steps: np.ndarray, static: Curve, models: Sequence[GlanceFocusNet]) -> list[str]:
    exits = ", ".join(f"{time:.3f}" for time in np.median(steps, 0))
    statics = ", ".join(
        f"{model.config.image}: {time:.3f}" for model, time in zip(models, np.median(static.latency, 0), strict=True)
    )
    return [
        f"## {runtime}",
        "",
        f"Answer after each step, ms: {exits}. Static by pixels, ms: {statics}.",
        "",
        "| accuracy | static ÷ GFNet | 95 % interval | GFNet, ms | best static, ms |",
        "|---|---|---|---|---|",
    ]


def _ratio_lines(dynamic: Curve, static: Curve) -> list[str]:
    highest = 100 * min(dynamic.accuracy.max(), static.accuracy.max())
    lowest = 100 * max(dynamic.accuracy.min(), static.accuracy.min())
    lines = []
    for percent in [*np.arange(np.ceil(lowest), highest, 1 if highest - lowest < 15 else 2), highest]:
        fast, slow = dynamic.at(percent / 100), static.at(percent / 100)
        ratio = slow / fast
        low, high = interval(ratio)
        lines.append(
            f"| {percent:.1f} % | **{np.median(ratio):.2f}** | {low:.2f} to {high:.2f} "
            f"| {np.median(fast):.3f} | {np.median(slow):.3f} |"
        )
    return [*lines, ""]


def interval(samples: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    random = np.random.default_rng(0)
    medians = np.median(random.choice(samples, (1000, len(samples))), 1)
    return float(np.quantile(medians, 0.025)), float(np.quantile(medians, 0.975))


def spread(values: list[float]) -> str:
    """The median, and the 95 % interval of it."""
    low, high = interval(np.array(values))
    return f"{np.median(values):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
