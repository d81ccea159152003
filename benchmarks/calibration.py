"""What calibration is worth on the demo task, and whether what it expects is what is measured.

    python benchmarks/calibration.py --folder build/calibration

Five parts, each printed as Markdown: (1) calibrated rules against the published search at the same mean, on scenes that
neither has seen, over many splits; (2) against the oracle, which knows each scene's cheapest right exit; (3) expected
against measured time of other scenes in data-set order, measured in turn with the latencies that are expected from;
(4) deadlines while every call is delayed at random; (5) time and memory of calibrating 50,000 images. Logits stay in
the folder. On a machine that others use too, ``--processor-time`` measures what the thread itself has worked, without
the time in which others had its core.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time, thread_time_ns

import numpy as np

from gfnet_mobile import Session
from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.bundle.store import Bundle, open_bundle
from gfnet_mobile.calibrate.calibrate import Calibrated, calibrate
from gfnet_mobile.calibrate.expectation import Figure, expectation, step_times
from gfnet_mobile.calibrate.goal import Goal
from gfnet_mobile.compare.curves import oracle_ms, oracle_spots
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.host import session as session_module
from gfnet_mobile.host.exit_rules import exit_steps, should_stop
from gfnet_mobile.host.preprocess import load_image
from gfnet_mobile.measure import bench as bench_module
from gfnet_mobile.measure.answers import subject_of
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.data_set import logits_on, scene_set
from gfnet_mobile.measure.logits import Logits, halves
from gfnet_mobile.measure.results import Device, Result
from gfnet_mobile.measure.step_latency import Context, StepLatency, step_latency
from gfnet_mobile.runtimes import open_runtime
from gfnet_mobile.runtimes.protocol import in_turn

TARGETS = ("onnx", "executorch")
PLACES = (0.1, 0.25, 0.4, 0.55, 0.65, 0.75, 0.85, 1.0, 1.2, 1.5)
"""means, as parts of the way from the glance to the second step"""
LOSSES = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.05)
"""below the last step's accuracy"""
BLOCKS = 20
"""of scenes, with rounds of latencies between them"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--folder", type=Path, default=Path("build/calibration"), help="for the bundle and logits")
    arguments.add_argument("--splits", type=int, default=20)
    arguments.add_argument("--scenes", type=int, default=2000, help="timed in data-set order")
    arguments.add_argument("--rounds", type=int, default=200, help="of latencies, in all")
    arguments.add_argument("--processor-time", action="store_true", help="instead of the time of day")
    arguments.add_argument("--cost", type=int, help="only part 5, for so many classes")
    chosen = arguments.parse_args()
    if chosen.cost:
        cost(chosen.cost)
        return
    if chosen.processor_time:
        session_module.perf_counter_ns = bench_module.perf_counter_ns = thread_time_ns
    folder = chosen.folder / "demo.gfnet"
    bundle = open_bundle(folder) if folder.exists() else _exported(chosen.folder)
    subject = subject_of(str(folder), "onnx")
    file = chosen.folder / "demo.logits"
    cached, _ = logits_on(scene_set(5000), subject, file, os.cpu_count() or 1, lambda done, total: None)
    results = [one for block in range(3) for one in bench(bundle, TARGETS, rounds=chosen.rounds // 3)]
    latency = step_latency(results, bundle.manifest, "onnx")
    print(f"{latency.context}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("Processor time.\n" if chosen.processor_time else "Time of day.\n")
    print(f"means to each step: {', '.join(f'{mean:.3f}' for mean in latency.means_ms)} ms\n")
    gain(cached, latency, chosen.splits)
    oracle(cached, latency)
    for target in TARGETS:
        expected(bundle, target, cached, chosen.scenes, chosen.rounds)
    for target in TARGETS:
        deadlines(bundle, target)
    for classes in (10, 100):
        subprocess.run([sys.executable, __file__, "--cost", str(classes)], check=True)


def _exported(folder: Path) -> Bundle:
    from export.bundle import export_bundle  # its packages would count as memory in part 5

    return export_bundle("demo", TARGETS, folder)


def gain(cached: Logits, latency: StepLatency, splits: int) -> None:
    """Part 1: mean over splits of what the other half of the scenes says."""
    means = latency.means_ms
    goals = [Goal("mean_ms", float(means[0] + place * (means[1] - means[0]))) for place in PLACES]
    print("| goal | calibrated, % | published search, % | gain, points | over splits | splits lower beyond noise |")
    print("|---|---|---|---|---|---|")
    for goal, found in zip(goals, _over_splits(cached, latency, splits, goals), strict=True):
        pairs = [one for one in found if one.against is not None]
        gains = 100 * np.array([one.against.gain.value for one in pairs])
        lower = sum(one.against.gain.high < 0 for one in pairs)
        ours = 100 * np.mean([one.judged.accuracy.value for one in pairs])
        theirs = 100 * np.mean([one.against.accuracy for one in pairs])
        spread = f"{np.quantile(gains, 0.05):+.2f} to {np.quantile(gains, 0.95):+.2f}"
        figures = f"{ours:.2f} | {theirs:.2f} | {gains.mean():+.2f}"
        print(f"| {goal} | {figures} | {spread} | {lower} of {len(pairs)} |")
    goals = [Goal("max_loss", loss) for loss in LOSSES]
    print(
        "\n| goal | loss, points | published search | mean, ms | published search | ratio |\n|---|---|---|---|---|---|"
    )
    for goal, found in zip(goals, _over_splits(cached, latency, splits, goals), strict=True):
        pairs = [one for one in found if one.against is not None]
        ours = np.mean([one.judged.mean_ms.value for one in pairs or found])
        loss = 100 * np.mean([one.loss.value for one in pairs or found])
        if not pairs:
            print(f"| {goal} | {loss:.2f} | finds none | {ours:.3f} | | |")
            continue
        theirs = np.mean([one.against.mean_ms for one in pairs])
        other = loss + 100 * np.mean([one.against.gain.value for one in pairs])
        print(f"| {goal} | {loss:.2f} | {other:.2f} | {ours:.3f} | {theirs:.3f} | {theirs / ours:.2f} |")
    print()


def _over_splits(
    cached: Logits, latency: StepLatency, splits: int, goals: Sequence[Goal]
) -> list[tuple[Calibrated, ...]]:
    """For each goal what was found from one split after the other."""
    order = np.random.default_rng(1)
    found = []
    for _ in range(splits):
        some = order.permutation(len(cached.labels))
        shuffled = Logits(cached.logits[some], cached.labels[some], cached.metadata)
        found.append(calibrate(shuffled, latency, goals, ""))
    return list(zip(*found, strict=True))


def oracle(cached: Logits, latency: StepLatency) -> None:
    """Part 2: mean time of calibrated rules, divided by the oracle's at the same accuracy on the same scenes."""
    _, second = halves(len(cached.labels))
    spots = oracle_spots(cached.logits[second].argmax(axis=2) == cached.labels[second, None], latency.means_ms)
    print("| goal | accuracy, % | mean, ms | oracle's mean, ms | calibrated ÷ oracle |\n|---|---|---|---|---|")
    for loss in LOSSES:
        (found,) = calibrate(cached, latency, [Goal("max_loss", loss)], "")
        accuracy, mean = found.judged.accuracy.value, found.judged.mean_ms.value
        whole = oracle_ms(spots, accuracy)
        print(f"| {found.goal} | {100 * accuracy:.2f} | {mean:.3f} | {whole:.3f} | **{mean / whole:.2f}** |")
    print()


def expected(bundle: Bundle, target: str, cached: Logits, scenes: int, rounds: int) -> None:
    """Part 3: scenes of another seed, read one after the other; blocks of them in turn with rounds of latencies."""
    results: list[Result] = []
    images, _ = sign_scenes(scenes, seed=2, split="test")
    first = step_latency(bench(bundle, [target], rounds=rounds), bundle.manifest, target)
    goals = [Goal("max_loss", loss) for loss in (0.0, 0.005, 0.02)]
    rules = [calibrate(cached, first, [goal], "")[0].rule for goal in goals]
    taken: list[list[float]] = []
    for block in np.array_split(np.arange(scenes), BLOCKS):
        results += bench(bundle, [target], rounds=rounds // BLOCKS)
        with Session(bundle, target) as session:
            warm = [_timed(session, images[number], rules) for number in [*block[:5], *block]]
        taken += warm[5:]
    latency = step_latency(results, bundle.manifest, target)
    print(f"| {target}, goal | expected mean, ms | measured | apart | expected p95, ms | measured | apart |")
    print("|---|---|---|---|---|---|---|")
    _, second = halves(len(cached.labels))
    for goal, rule, times in zip(goals, rules, np.array(taken).T, strict=True):
        ends = exit_steps(rule, cached.logits[second])
        said = expectation(ends, np.ones(len(ends), bool), latency, rule.last_step)
        cells = [_beside(said.mean_ms, float(times.mean())), _beside(said.p95_ms, float(np.quantile(times, 0.95)))]
        print(f"| {goal} | {' | '.join(cells)} |")
    print()


def _timed(session: Session, scene: np.ndarray, rules: Sequence[ExitRule]) -> list[float]:
    """Milliseconds from the scene in its place to each rule's answer."""
    times = []
    for rule in rules:
        prepared = session.prepare(scene)
        start = session_module.perf_counter_ns()
        for _ in session.walk(prepared, lambda step, rule=rule: should_stop(rule, step.index, step.logits)):
            pass
        times.append((session_module.perf_counter_ns() - start) / 1e6)
    return times


def _beside(said: Figure, seen: float) -> str:
    return f"{said.value:.3f} ({said.low:.3f} to {said.high:.3f}) | {seen:.3f} | {100 * (said.value / seen - 1):+.1f} %"


def deadlines(bundle: Bundle, target: str) -> None:
    """Part 4: every call waits, 0.2 ms on average and three in a hundred 1 to 3 ms more; deadlines from what the glance
    takes to what all steps do."""
    image = load_image(sign_scenes(1, seed=3, split="test")[0][0], bundle.manifest.preprocessing)
    random = np.random.default_rng(0)
    runtime = open_runtime(bundle, target)
    bind = runtime.bind
    runtime.bind = lambda *call: in_turn(bind(*call), [lambda: _wait(random)])  # type: ignore[method-assign]
    with Session(bundle, runtime=runtime, target=target) as session:
        session.prepare(image)
        walks = np.array([[step.elapsed_ms for step in session.steps(image)] for _ in range(300)])
        latency = StepLatency(_context(target), tuple(walks.T))
        times, means = step_times(latency), tuple(own.mean() for own in latency.own_ms)
        print(f"| {target}, deadline, ms | missed with the table | steps | missed with means | missed with none |")
        print("|---|---|---|---|---|")
        for deadline in np.linspace(walks[:, 0].max(), walks[:, -1].max(), 5):
            cells = []
            for table in (times, means, ()):
                limits = {"threshold": 1, "deadline_ms": deadline, "expected_ms": table}
                answers = [session.classify(image, **limits) for _ in range(500)]
                missed = np.mean([answer.elapsed_ms > deadline for answer in answers])
                cells.append(f"{100 * missed:.1f} %")
                if table is times:
                    cells.append(f"{np.mean([answer.index + 1 for answer in answers]):.2f}")
            print(f"| {deadline:.2f} | {' | '.join(cells)} |")
    print()


def _wait(random: np.random.Generator) -> None:
    length = random.exponential(0.2) + (random.uniform(1, 3) if random.random() < 0.03 else 0)
    end = session_module.perf_counter_ns() + length * 1e6
    while session_module.perf_counter_ns() < end:
        pass


def cost(classes: int) -> None:
    """Part 5."""
    random, count, steps = np.random.default_rng(0), 50_000, 5
    labels = random.integers(0, classes, count)
    logits = random.standard_normal((count, steps, classes), np.float32)
    ease = random.gamma(2, 0.5, count)[:, None]
    logits[np.arange(count), :, labels] += ((1.5 + 0.7 * np.arange(steps)) * (0.5 + ease)).astype(np.float32)
    rounds = np.cumsum(random.uniform(0.9, 1.1, (steps, 100)), axis=0)
    latency = StepLatency(_context("onnx"), tuple(rounds))
    goals = [Goal("mean_ms", float(mean)) for mean in np.linspace(latency.means_ms[0], latency.means_ms[-1], 100)]
    wall, own = perf_counter(), process_time()
    calibrate(Logits(logits, labels, {"model": ""}), latency, goals, "")
    wall, own = perf_counter() - wall, process_time() - own
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # what getrusage says begins with the parent's
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1e3
    load, size = os.getloadavg()[0], logits.nbytes / 1e6
    print(
        f"{count} images, {steps} steps, {classes} classes, {len(goals)} budgets: {own:.1f} s of processor time, "
        f"{wall:.1f} s in all at load {load:.1f}, peak {peak:.0f} MB, of which logits {size:.0f}"
    )


def _context(target: str) -> Context:
    return Context(Device(model="-", os="-", cores=1), target, "-", "-", "none", 1, "cpu")


if __name__ == "__main__":
    main()
