"""The demo network against static networks of its family, on the machine at hand.

    python benchmarks/frontier.py --scenes 5000 --rounds 200 --write docs/frontier.md

What the commands do, for each target in turn: `export`, `evaluate` on held-out scenes, `bench` of all networks in turn
within a round (one thread, batch 1), `compare`. Static networks are those of ``benchmarks/static``, see its figures in
docs/demo.md; ``--fuse`` and ``--compress`` are levers, the second for both sides. On a machine that others use too,
``--processor-time`` measures what the thread itself has worked, without the time in which others had its core.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from time import thread_time_ns

from export.bundle import export_bundle
from export.compress import parsed
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.compare.contenders import contenders
from gfnet_mobile.compare.draw import draw
from gfnet_mobile.compare.report import Comparison, compare
from gfnet_mobile.compare.table import COLUMNS, cells, times
from gfnet_mobile.measure import bench as bench_module
from gfnet_mobile.measure.answers import subject_of
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.data_set import SCENE, DataSet, logits_on, scene_set
from gfnet_mobile.measure.results import this_device

HERE = Path(__file__).parent
TARGETS = ("onnx", "executorch")
CALIBRATION = 500
"""validation scenes that compressed graphs are fitted to"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--scenes", type=int, default=5000, help="test scenes, half of them to find rules on")
    arguments.add_argument("--scene-size", type=int, default=SCENE, help="side of a scene, pixels")
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--budgets", type=int, default=24, help="rules of the dynamic network")
    arguments.add_argument("--dynamic", default="demo", help="checkpoint of the dynamic network")
    arguments.add_argument("--statics", type=Path, default=HERE / "static", help="folder with static-SIZE.safetensors")
    arguments.add_argument("--fuse", action="store_true", help="join the dynamic network's graphs")
    arguments.add_argument("--compress", help="form in which all networks are stored")
    arguments.add_argument("--target", action="append", choices=TARGETS, help="default: all of them")
    arguments.add_argument("--processor-time", action="store_true", help="instead of the time of day")
    arguments.add_argument("--picture", type=Path, help="draw PICTURE-TARGET.png and .svg")
    arguments.add_argument("--write", type=Path, help="Markdown file for the tables")
    chosen = arguments.parse_args()
    targets = tuple(chosen.target or TARGETS)
    if chosen.processor_time:
        bench_module.perf_counter_ns = thread_time_ns
    statics = sorted(chosen.statics.glob("static-*.safetensors"), key=lambda file: int(file.stem.split("-")[1]))
    scenes = scene_set(chosen.scenes, chosen.scene_size)
    lines = list(_head(chosen, len(statics)))
    with tempfile.TemporaryDirectory() as scratch:
        options = {"compress": parsed([chosen.compress]), "calibration": CALIBRATION} if chosen.compress else {}
        bundles = [export_bundle(chosen.dynamic, targets, Path(scratch), fuse=chosen.fuse, **options)]
        bundles += [export_bundle(path, targets, Path(scratch), **options) for path in statics]
        for target in targets:
            comparison = _compared(bundles, target, scenes, chosen.rounds, chosen.budgets)
            lines += _lines(target, comparison)
            if chosen.picture:
                draw(comparison, chosen.picture.with_name(f"{chosen.picture.name}-{target}"))
    text = "\n".join(lines) + "\n"
    print(text)
    if chosen.write:
        chosen.write.write_text(text)


def _compared(bundles: Sequence[Bundle], target: str, scenes: DataSet, rounds: int, budgets: int) -> Comparison:
    logits = [bundle.folder.with_suffix(f".{target}.logits") for bundle in bundles]
    for bundle, file in zip(bundles, logits, strict=True):
        subject = subject_of(str(bundle.folder), target)
        logits_on(scenes, subject, file, os.cpu_count() or 1, lambda done, total: None)
    dynamic, *statics = bundles
    results = bench(dynamic, [target], against=statics, rounds=rounds)
    return compare(contenders(bundles, logits, results), budgets)


def _head(chosen: argparse.Namespace, statics: int) -> Iterator[str]:
    device = this_device()
    yield "# The demo network against static networks"
    yield ""
    yield f"`python benchmarks/frontier.py {' '.join(sys.argv[1:])}`, {date.today()}, {device.model}, {device.os},"
    clock = "processor time" if chosen.processor_time else "time of day"
    yield f"{clock}, one thread, batch 1; no phone was measured. {chosen.scenes} held-out scenes,"
    yield f"{chosen.rounds} rounds, in which all {1 + statics} networks take turns."
    yield "What the columns mean: [compare.md](compare.md)."
    yield ""


def _lines(target: str, comparison: Comparison) -> Iterator[str]:
    yield f"## {target}"
    yield ""
    yield "| " + " | ".join(COLUMNS) + " |"
    yield "|---" * len(COLUMNS) + "|"
    for row in comparison.rows:
        yield "| " + " | ".join(cells(row)) + " |"
    yield ""
    for verdict in comparison.verdicts:
        yield f"**{verdict.sentence}**"
        if verdict.ratio is not None:
            value, interval = times(verdict.ratio.interpolated)
            yield f"Against a static network of just that accuracy, between two sizes: {value} ({interval})."
        yield ""


if __name__ == "__main__":
    main()
