"""What compression costs: bytes, accuracy of each step, the default exit rule before and after, latency side by side.

    python benchmarks/compression.py demo
    python benchmarks/compression.py published

The demo is judged on held-out scenes; ranges and thresholds come from validation scenes. Core ML is interpreted, on 500
of the scenes. The published configuration has made-up weights (``tests/reference``): what is told is how often its
answers are those of the float32 network, on pictures that it was not made for.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import torch

from export.bundle import export_bundle
from export.calibration import INTERPRETED_IMAGES, Seen, calibration_set, recalibrated, seen_by
from gfnet_mobile import Session
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.host.exit_rules import exit_steps
from gfnet_mobile.measure.answers import eager_subject, subject_of
from gfnet_mobile.measure.data_set import DataSet, logits_on, scene_set, some_of
from gfnet_mobile.measure.evaluate import at_rule, top
from gfnet_mobile.measure.results import this_device
from gfnet_mobile.models.checkpoint import read_checkpoint
from gfnet_mobile.runtimes import is_interpreted

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import published_files
from rounds import interval, timed

Variant = tuple[str, str, bool]
"""target, form, and whether it is shown pictures while it is compressed"""

DEMO: tuple[Variant, ...] = (
    ("onnx", "fp16", False),
    ("onnx", "int8", False),
    ("onnx", "int8", True),
    ("executorch", "int8", True),
    ("coreml", "int8", False),
    ("coreml", "palette6", False),
    ("coreml", "palette4", False),
)
CALIBRATION = 1000
CONFIGURATION, PICTURES = "mobilenetv3_large_100", 32


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("network", choices=("demo", "published"))
    arguments.add_argument("--scenes", type=int, default=5000, help="test scenes of the demo")
    arguments.add_argument("--rounds", type=int, default=200)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    print(f"{date.today()}, {this_device().model}, one thread, a shared machine\n")
    with tempfile.TemporaryDirectory() as scratch:
        if chosen.network == "demo":
            demo(Path(scratch), chosen.scenes, chosen.rounds)
        else:
            published(Path(scratch))


def demo(folder: Path, scenes: int, rounds: int) -> None:
    eager = eager_subject(read_checkpoint("demo"))
    seen, test = (seen_by(eager, data) for data in (calibration_set(CALIBRATION, eager), scene_set(scenes)))
    bundles = {}
    print("| | bytes | steps 0 to 3 | rule: float32 | compressed, old thresholds | its own thresholds |")
    print("|---" * 6 + "|")
    for target in dict.fromkeys(target for target, _, _ in DEMO):
        for variant in [(target, "none", False), *(one for one in DEMO if one[0] == target)]:
            bundles[variant] = _exported("demo", folder, variant)
            print(_row(variant, bundles[variant], bundles[target, "none", False], seen, test), flush=True)
    for target in ("onnx", "executorch"):
        _latency([(variant, bundle) for variant, bundle in bundles.items() if variant[0] == target], rounds)


def _row(variant: Variant, bundle: Bundle, whole: Bundle, seen: Seen, test: Seen) -> str:
    target = variant[0]
    data = some_of(test.data, INTERPRETED_IMAGES) if is_interpreted(target) else test.data
    row = {name: index for index, name in enumerate(test.data.names)}
    before = test.logits[[row[name] for name in data.names]]
    after = _logits(bundle, target, data)
    (found,) = recalibrated(bundle, [target], seen)
    old, new = bundle.manifest.rules[found.rule], found.rules[found.rule]
    ends = [at_rule(logits, data.labels, rule) for logits, rule in ((before, old), (after, old), (after, new))]
    steps = ", ".join(f"{accuracy:.1%}" for accuracy in top(after, data.labels, 1))
    rules = " | ".join(f"{end.accuracy:.1%} after {end.mean_steps:.2f}" for end in ends)
    return f"| {_named(variant)} | {_bytes(bundle, target, whole)} | {steps} | {rules} |"


def _latency(bundles: Sequence[tuple[Variant, Bundle]], rounds: int) -> None:
    """All steps of an image, every bundle in every round, in another order each time; the better of two runs, for one
    warms the caches."""
    sessions = [Session(bundle, variant[0]) for variant, bundle in bundles]
    times = np.empty((rounds, len(sessions)))
    random = np.random.default_rng(0)
    for index, image in enumerate(sign_scenes(rounds, seed=3, split="test")[0]):
        for number in random.permutation(len(sessions)):
            session = sessions[number]
            prepared = session.prepare(image)
            times[index, number] = min(timed(lambda: list(session.steps(prepared))) for _ in range(2))  # noqa: B023
    for (variant, _), own in list(zip(bundles, times.T, strict=True))[1:]:
        ratio = times[:, 0] / own
        low, high = interval(ratio)
        print(
            f"{_named(variant)}: float32 takes {np.median(ratio):.2f} times as long ({low:.2f} to {high:.2f}); ", end=""
        )
        print(f"{np.median(times[:, 0]):.2f} and {np.median(own):.2f} ms for four steps")


def published(folder: Path) -> None:
    path = published_files.write(published_files.content_of(CONFIGURATION), folder / "file.pth.tar")
    source = read_checkpoint(path)
    eager = eager_subject(source)
    seen = seen_by(eager, scene_set(PICTURES))
    whole = _exported(path, folder, ("coreml", "none", False))
    print(f"{CONFIGURATION}, patch {source.model.config.patch}, {PICTURES} pictures")
    for form in ("int8", "palette6"):
        bundle = _exported(path, folder, ("coreml", form, False))
        after = _logits(bundle, "coreml", seen.data)
        labels = (after.argmax(2) == seen.logits.argmax(2)).mean(0)
        rule = bundle.manifest.rules[bundle.manifest.default_rule]
        steps = (exit_steps(rule, after) == exit_steps(rule, seen.logits)).mean()
        difference = np.abs(after - seen.logits).max() / np.abs(seen.logits).max()
        answers = ", ".join(f"{share:.0%}" for share in labels)
        print(f"{form}: {_bytes(bundle, 'coreml', whole)}; labels as in float32 at each step {answers}; ", end="")
        print(f"as many steps {steps:.0%}; logits differ by {difference:.1%} of the largest at most", flush=True)


def _logits(bundle: Bundle, target: str, data: DataSet) -> np.ndarray:
    return logits_on(data, subject_of(str(bundle.folder), target), None, 1, lambda *_: None)[0].logits


def _exported(checkpoint: str | Path, folder: Path, variant: Variant) -> Bundle:
    target, form, shown = variant
    calibration = CALIBRATION if shown else None
    name = f"{target}-{form}-{shown}"
    return export_bundle(checkpoint, [target], folder, name=name, compress={"": form}, calibration=calibration)  # type: ignore[dict-item]


def _named(variant: Variant) -> str:
    target, form, shown = variant
    return f"{target} {form}{', shown pictures' if shown else ''}"


def _bytes(bundle: Bundle, target: str, whole: Bundle) -> str:
    own, all_of_it = (
        sum(one.manifest.graph_bytes(target, graph) for graph in one.manifest.graphs) for one in (bundle, whole)
    )
    return f"{own / 1000:,.0f} k, {own / all_of_it:.1%}"


if __name__ == "__main__":
    main()
