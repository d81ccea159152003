"""docs/model-zoo.md: every published configuration, exported to every target, checked and measured on this machine.

    python benchmarks/model_zoo.py --write docs/model-zoo.md
    python benchmarks/model_zoo.py --only resnet50-96 --only regnety_600m-96

Weights are made up by the rule of ``tests/reference``: sizes, multiply-adds and latency do not depend on them. What is
done is kept in ``--work``, a line per configuration, and not done again.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Any

import timm
import torch

from export import TARGETS
from export.bundle import export_bundle
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.cost import counted
from gfnet_mobile.measure.results import this_device
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.models import backbones as _registered  # noqa: F401
from gfnet_mobile.published.families import families
from gfnet_mobile.runtimes import INTERPRETED

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import published_files

PUBLISHED = {
    "resnet50": 4.1, "densenet121": 2.9, "densenet169": 3.4, "densenet201": 4.3, "regnety_600m": 0.6,
    "regnety_800m": 0.8, "regnety_1.6g": 1.6, "mobilenetv3_large_100": 0.219, "efficientnet_b2": 1.0,
    "efficientnet_b3": 1.8,
}  # fmt: skip
"""billions of multiply-adds of the backbone at its full image size: the backbones' papers, ResNet and DenseNet as
torchvision lists them"""
ROUNDS = 15


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", action="append", help="NAME-PATCH; default: all")
    arguments.add_argument("--work", type=Path, default=Path("build/model-zoo.jsonl"))
    arguments.add_argument("--write", type=Path, help="Markdown file")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    configurations = [item for family in families() for item in family.configurations.items()]
    known = [f"{name}-{patch}" for name, one in configurations for patch in one.patches]
    chosen.work.parent.mkdir(parents=True, exist_ok=True)
    chosen.work.touch()
    for name in chosen.only or known:
        if name not in _done(chosen.work):  # another process may be at work on the others
            row = _measured(name)
            with chosen.work.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(name, "done", flush=True)
    done = _done(chosen.work)
    text = "\n".join(_page([done[name] for name in known if name in done])) + "\n"
    print(text)
    if chosen.write:
        chosen.write.write_text(text)


def _done(work: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in map(json.loads, work.read_text().splitlines())}


def _measured(name: str) -> dict[str, Any]:
    """One configuration: files' sizes, multiply-adds, differences from eager and latency of each graph."""
    configuration = name if name in published_files.OTHERS else name.rsplit("-", 1)[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        path = published_files.write(published_files.content_of(configuration), folder / "file.pth.tar")
        before = path.stat().st_size
        seconds, bundles = {}, {}
        for target in TARGETS:
            start = perf_counter()
            bundles[target] = export_bundle(path, [target], folder / target)
            seconds[target] = perf_counter() - start
        runnable = [target for target in TARGETS if target not in INTERPRETED]
        worst = {target: max(row.difference for row in verify(bundles[target], [target]).rows) for target in runnable}
        latency = {
            target: {
                result.what: result.summary.p50 for result in bench(bundles[target], [target], rounds=ROUNDS, warmup=3)
            }
            for target in runnable
        }
        manifest = bundles["onnx"].manifest
        return {
            "name": name,
            "golden": configuration in published_files.CONFIGURATIONS,
            "steps": len(manifest.steps),
            "image": manifest.preprocessing.size,
            "multiply_adds": manifest.multiply_adds,
            "backbone": _backbone(name.rsplit("-", 1)[0], manifest.preprocessing.size),
            "file": before,
            "sizes": {target: _sizes(bundle) for target, bundle in bundles.items()},
            "seconds": seconds,
            "worst": worst,
            "latency": latency,
        }


def _backbone(name: str, image: int) -> int:
    """Multiply-adds of a configuration's backbone on the whole image."""
    one = next(family.configurations[name] for family in families() if name in family.configurations)
    backbone = timm.create_model(one.backbone).eval()
    return counted(lambda: backbone(torch.zeros(1, 3, image, image)))


def _sizes(bundle: Bundle) -> dict[str, int]:
    """Bytes of each graph."""
    (target,) = bundle.manifest.targets
    return {graph: bundle.manifest.graph_bytes(target, graph) for graph in bundle.manifest.graphs}


def _page(rows: Sequence[dict[str, Any]]) -> list[str]:
    device = this_device()
    lines = [
        "# Model zoo",
        "",
        "The published configurations, as `python benchmarks/model_zoo.py` found them. How to get the released files,",
        "and what is done with them: [published.md](published.md). Weights are made up, in the released layout.",
        f"{date.today()}, {device.model}, {device.os}, one thread, batch 1, a shared machine; no phone was measured.",
        "",
        "## What was checked, and what it costs",
        "",
        "*Golden*: positions as the authors' code gives them, logits within 1e-5. All were exported, and every tensor",
        "of every step held against the eager network: the last columns have the largest difference, relative",
        "(tolerance 1e-4). Core ML programs are converted and their form checked, not run. Multiply-adds, in millions,",
        "of an image that leaves at each step, by torch's counter; in billions those of the backbone alone on the full",
        "image, and what is published of it.",
        "",
        "| configuration | image | golden | multiply-adds, M | backbone, G | published | ONNX | ExecuTorch |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        published = PUBLISHED.get(row["name"].rsplit("-", 1)[0], "")
        adds = ", ".join(f"{value / 1e6:.0f}" for value in row["multiply_adds"])
        worst = " | ".join(f"{row['worst'][target]:.0e}" for target in ("onnx", "executorch"))
        golden = "yes" if row["golden"] else ""
        cells = f"{row['name']} | {row['image']} | {golden} | {adds} | {row['backbone'] / 1e9:.2f} | {published}"
        lines.append(f"| {cells} | {worst} |")
    lines += [
        "",
        "## Size, MB",
        "",
        "Of the released file, of all graphs for each target, and of each graph in ONNX.",
        "",
        f"| configuration | file | {' | '.join(TARGETS)} | glance | policy | focus | exits |",
        "|---" * (len(TARGETS) + 6) + "|",
    ]
    for row in rows:
        totals = " | ".join(f"{sum(row['sizes'][target].values()) / 1e6:.1f}" for target in TARGETS)
        graphs = _graphs({graph: size / 1e6 for graph, size in row["sizes"]["onnx"].items()})
        lines.append(f"| {row['name']} | {row['file'] / 1e6:.1f} | {totals} | {graphs} |")
    for target, title in (("onnx", "ONNX Runtime"), ("executorch", "ExecuTorch, XNNPACK")):
        lines += [
            "",
            f"## Latency, ms, {title}",
            "",
            "| configuration | glance | policy | focus | exits | answer after each step |",
            "|---" * 6 + "|",
        ]
        for row in rows:
            found = row["latency"][target]
            graphs = {what.removeprefix("graph:"): ms for what, ms in found.items() if what.startswith("graph:")}
            answers = ", ".join(f"{found[f'end_to_end:{step}']:.1f}" for step in range(row["steps"]))
            lines.append(f"| {row['name']} | {_graphs(graphs)} | {answers} |")
    lines += ["", "## Time to export, s", "", f"| configuration | {' | '.join(TARGETS)} |", "|---" * 4 + "|"]
    for row in rows:
        lines.append(f"| {row['name']} | " + " | ".join(f"{row['seconds'][target]:.0f}" for target in TARGETS) + " |")
    return lines


def _graphs(values: dict[str, float]) -> str:
    """Cells for glance, policy and focus, and one for all exits."""
    exits = ", ".join(f"{value:.1f}" for graph, value in values.items() if graph.startswith("exit"))
    return " | ".join([*(f"{values[graph]:.1f}" for graph in ("glance", "policy", "focus")), exits])


if __name__ == "__main__":
    main()
