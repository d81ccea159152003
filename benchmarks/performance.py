"""Every speed that the docs quote, measured on the machine at hand.

    python benchmarks/performance.py
    python benchmarks/performance.py --runner build/native-plain/gfnet-runner --only native --only swift

The parts run one after the other, each a program of this folder that compares in interleaved rounds. What it prints and
where that was (device, versions, load before and after) goes to ``benchmarks/results/PART.json``; from all of these
``docs/performance.md`` is written anew. A part that is not run keeps its last result. Parts with the C++ runner need
``--runner``.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gfnet_mobile.files import replacing
from gfnet_mobile.measure.results import Device, this_device

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "performance.md"
PACKAGES = ("torch", "onnxruntime", "executorch", "numpy")
RUNNER = "RUNNER"
"""stands for the path given with ``--runner``"""


@dataclass(frozen=True)
class Part:
    """One program and its arguments."""

    name: str
    title: str
    command: tuple[str, ...]
    is_markdown: bool = False
    """of what it prints"""


LARGE = ("--dynamic", "benchmarks/large/demo-large.safetensors", "--statics", "benchmarks/large", "--scene-size", "448")
PARTS = (
    Part("demo", "The demo against static networks", ("frontier.py",), True),
    Part("demo-int8", "The same in 8 bits, both sides", ("frontier.py", "--compress", "int8"), True),
    Part("demo-large", "Demo-large against static networks", ("frontier.py", *LARGE), True),
    Part("levers", "What each lever is worth, alone", ("levers.py",)),
    Part("calibration", "Calibrated exit rules", ("calibration.py",), True),
    Part("overhead", "The Python host", ("overhead.py",)),
    Part("desktop", "The paper's setting", ("desktop.py",)),
    Part("native", "The C++ runner", ("native.py", RUNNER)),
    Part("swift", "The Swift loop", ("swift.py", RUNNER)),
)


class Outcome(BaseModel):
    """What a part printed, and where and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str
    started: date
    seconds: int
    device: Device
    packages: dict[str, str]
    load: tuple[float, float]
    """average of one minute, before and after"""
    printed: str


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", action="append", choices=[part.name for part in PARTS], help="default: all parts")
    arguments.add_argument("--runner", type=Path, help="gfnet-runner, as tests/native.py builds it")
    chosen = arguments.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for part in PARTS:
        if chosen.only and part.name not in chosen.only:
            continue
        if RUNNER in part.command and chosen.runner is None:
            print(f"{part.name}: not run, it needs --runner")
            continue
        outcome = _run(part, chosen.runner)
        with replacing(RESULTS / f"{part.name}.json") as file:
            file.write_text(outcome.model_dump_json(indent=2) + "\n", encoding="utf-8")
        with replacing(PAGE) as file:
            file.write_text(page(), encoding="utf-8")


def _run(part: Part, runner: Path | None) -> Outcome:
    arguments = [str(runner) if word == RUNNER else word for word in part.command]
    command = ["python", f"benchmarks/{arguments[0]}", *arguments[1:]]
    print(f"== {part.name}: {' '.join(command)}", flush=True)
    started, before = time.time(), os.getloadavg()[0]
    program = subprocess.run(
        [sys.executable, *command[1:]],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    print(program.stdout, flush=True)
    return Outcome(
        command=" ".join(command),
        started=date.fromtimestamp(started),
        seconds=round(time.time() - started),
        device=this_device(),
        packages={package: version(package) for package in PACKAGES},
        load=(before, os.getloadavg()[0]),
        printed=program.stdout,
    )


def page() -> str:
    """All results that there are, as Markdown."""
    lines = [
        "# Performance",
        "",
        "Written by `python benchmarks/performance.py`, which measures all of it anew on the machine at hand: one",
        "thread, batch 1; within a part everything takes turns in interleaved rounds. No phone was measured. What the",
        "columns mean: [compare.md](compare.md), [calibrate.md](calibrate.md).",
    ]
    for part in PARTS:
        if (file := RESULTS / f"{part.name}.json").exists():
            lines += ["", f"## {part.title}", "", *_section(part, Outcome.model_validate_json(file.read_bytes()))]
    return "\n".join(lines) + "\n"


def _section(part: Part, outcome: Outcome) -> Iterator[str]:
    packages = ", ".join(f"{package} {number}" for package, number in outcome.packages.items())
    load = " to ".join(f"{one:.1f}" for one in outcome.load)
    yield f"`{outcome.command}`, {outcome.started}, {outcome.seconds} s; {outcome.device.model}, {outcome.device.cores}"
    yield f"cores, load {load}; {packages}."
    yield ""
    printed = outcome.printed.strip()
    yield printed if part.is_markdown else f"```\n{printed}\n```"


if __name__ == "__main__":
    main()
