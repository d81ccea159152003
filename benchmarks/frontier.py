"""The demo network against static networks of its family, on the machine at hand.

    python benchmarks/frontier.py --scenes 5000 --rounds 200

What the commands do, for each target in turn: `export` (the dynamic network with `--fuse`, see levers.py;
a static one is a single graph), `evaluate` on held-out scenes, `bench` of all networks in turn within a round (one
thread, batch 1), `compare`. The first verdict is at half a point below the best static network; where the dynamic one
is not as accurate, another follows at half a point below its own best. Static networks are those of
``benchmarks/static``, see docs/demo.md; ``--compress`` stores both sides in another form. On a machine that others use
too, ``--processor-time`` measures what the thread itself has worked, without the time in which others had its core.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import thread_time_ns

from export.bundle import export_bundle
from export.compress import parsed
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.compare.contenders import contenders
from gfnet_mobile.compare.draw import draw
from gfnet_mobile.compare.ratios import drawn_latencies
from gfnet_mobile.compare.report import Comparison, compare
from gfnet_mobile.compare.table import COLUMNS, cells, times
from gfnet_mobile.compare.verdict import SLACK, verdict
from gfnet_mobile.measure import bench as bench_module
from gfnet_mobile.measure.answers import subject_of
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.data_set import SCENE, DataSet, logits_on, scene_set

HERE = Path(__file__).parent
TARGETS = ("onnx", "executorch")
CALIBRATION = 500
"""validation scenes that compressed graphs are fitted to"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--scenes", type=int, default=5000, help="test scenes, half of them to find rules on")
    arguments.add_argument("--scene-size", type=int, default=SCENE, help="side of a scene, pixels")
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--budgets", type=int, default=48, help="rules of the dynamic network")
    arguments.add_argument("--dynamic", default="demo", help="checkpoint of the dynamic network")
    arguments.add_argument("--statics", type=Path, default=HERE / "static", help="folder with static-SIZE.safetensors")
    arguments.add_argument("--compress", help="form in which all networks are stored")
    arguments.add_argument("--target", action="append", choices=TARGETS, help="default: all of them")
    arguments.add_argument("--processor-time", action="store_true", help="instead of the time of day")
    arguments.add_argument("--picture", type=Path, help="draw PICTURE-TARGET.png and .svg")
    chosen = arguments.parse_args()
    targets = tuple(chosen.target or TARGETS)
    if chosen.processor_time:
        bench_module.perf_counter_ns = thread_time_ns
    statics = sorted(chosen.statics.glob("static-*.safetensors"), key=lambda file: int(file.stem.split("-")[1]))
    scenes = scene_set(chosen.scenes, chosen.scene_size)
    lines = [
        f"{chosen.scenes} held-out scenes, half of them to find rules on; {chosen.rounds} rounds, one thread, batch 1."
    ]
    lines += ["Processor time.", ""] if chosen.processor_time else [""]
    with tempfile.TemporaryDirectory() as scratch:
        options = {"compress": parsed([chosen.compress]), "calibration": CALIBRATION} if chosen.compress else {}
        bundles = [export_bundle(chosen.dynamic, targets, Path(scratch), fuse=True, **options)]
        bundles += [export_bundle(network, targets, Path(scratch), **options) for network in statics]
        for target in targets:
            comparison = _compared(bundles, target, scenes, chosen.rounds, chosen.budgets)
            lines += _lines(target, comparison)
            if chosen.picture:
                draw(comparison, chosen.picture.with_name(f"{chosen.picture.name}-{target}"))
    print("\n".join(lines))


def _compared(bundles: Sequence[Bundle], target: str, scenes: DataSet, rounds: int, budgets: int) -> Comparison:
    logits = [bundle.folder.with_suffix(f".{target}.logits") for bundle in bundles]
    for bundle, file in zip(bundles, logits, strict=True):
        subject = subject_of(str(bundle.folder), target)
        logits_on(scenes, subject, file, os.cpu_count() or 1, lambda done, total: None)
    dynamic, *statics = bundles
    results = bench(dynamic, [target], against=statics, rounds=rounds)
    sides = contenders(bundles, logits, results)
    found = compare(sides, budgets)
    dynamics = [row.option for row in found.rows if row.option.rule is not None]
    others = [row.option for row in found.rows if row.option.rule is None]
    best = max(one.fitted_accuracy for one in others)
    verdicts = [verdict(dynamics, others, drawn_latencies(sides), best - SLACK), *found.verdicts]
    return replace(found, verdicts=list({one.sentence: one for one in verdicts}.values()))


def _lines(target: str, comparison: Comparison) -> Iterator[str]:
    yield f"### {target}"
    yield ""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" * len(COLUMNS) + "|"
    for row in comparison.rows:
        yield "| " + " | ".join(cells(row)) + " |"
    yield ""
    for one in comparison.verdicts:
        yield f"**{one.sentence}**"
        if one.ratio is not None:
            value, interval = times(one.ratio.interpolated)
            yield f"Against a static network of just that accuracy, between two sizes: {value} ({interval})."
        yield ""


if __name__ == "__main__":
    main()
