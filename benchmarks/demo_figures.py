r"""Held-out figures of the demo: accuracy per step of each seed, and policies compared on the same stage-1 weights.

    python benchmarks/demo_figures.py --run runs/demo --run runs/demo-2 \
        --policy runs/ppo/ppo.safetensors --policy runs/value_map/value_map.safetensors --write demo.md

The policies are runs of ``recipes/ppo.toml`` and ``recipes/value_map.toml`` that started from the first run's
``stage-1.safetensors``.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gfnet_mobile.data import sign_scenes
from gfnet_mobile.host.exit_rules import exit_steps
from gfnet_mobile.models.checkpoint import read_checkpoint
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.training.images import ArrayImages, in_order
from gfnet_mobile.training.rollout import Propose, accuracy, centre_patches, logits_of, policy_patches, random_patches


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--run", type=Path, action="append", required=True, help="folder of a finished demo run")
    arguments.add_argument(
        "--policy", type=Path, action="append", default=[], help="a policy on the first run's stage-1 weights"
    )
    arguments.add_argument("--scenes", type=int, default=5000)
    arguments.add_argument("--write", type=Path, help="Markdown file for the tables")
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    scenes = sign_scenes(chosen.scenes, seed=1, split="test")
    first = chosen.run[0]
    rows: list[tuple[str, Path, Callable[[GlanceFocusNet, Tensor], Propose]]] = [
        ("random patches", first / "stage-1.safetensors", random_patches),
        ("centre, then corners", first / "stage-1.safetensors", centre_patches),
        *((file.stem, file, policy_patches) for file in chosen.policy),
    ]
    steps = read_checkpoint(first / "stage-1.safetensors").model.config.steps
    header = "| " + " | ".join(f"step {step}" for step in range(steps)) + " |\n" + "|---" * (steps + 1) + "|"
    lines = [f"| stage-1 weights {header}"]
    for name, file, propose in rows:
        logits = _logits(read_checkpoint(file).model, scenes, propose)
        lines.append(f"| {name} | {_percents(accuracy(logits, scenes[1]))} |")
    lines += ["", f"| trained {header}"]
    for folder in chosen.run:
        checkpoint = read_checkpoint(folder / "demo.safetensors")
        logits = _logits(checkpoint.model, scenes, policy_patches)
        rule = checkpoint.rules["default"]
        ends = exit_steps(rule, logits)
        shares = np.bincount(ends, minlength=steps) / len(ends)
        right = (logits.argmax(2) == scenes[1][:, None])[np.arange(len(ends)), ends].mean()
        lines.append(f"| {folder.name}, accuracy | {_percents(accuracy(logits, scenes[1]))} |")
        lines.append(f"| {folder.name}, leave here | {_percents(shares)} |")
        lines.append(f"\n{folder.name} under its exit rule: {100 * right:.1f} % after {ends.mean() + 1:.2f} steps.\n")
    text = "\n".join(lines) + "\n"
    print(text)
    if chosen.write:
        chosen.write.write_text(text)


def _logits(
    model: GlanceFocusNet,
    scenes: tuple[np.ndarray, np.ndarray],
    propose: Callable[[GlanceFocusNet, Tensor], Propose],
) -> np.ndarray:
    torch.manual_seed(0)
    return logits_of(model, in_order(ArrayImages(*scenes), model.config), propose)[0]


def _percents(shares: "list[float] | np.ndarray") -> str:
    return " | ".join(f"{100 * share:.1f}" for share in shares)


if __name__ == "__main__":
    main()
