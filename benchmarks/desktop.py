"""The paper's setting on a desktop: one thread, one image at a time, GFNet after each step beside the static network.

    python benchmarks/desktop.py --rounds 40

MobileNet-V3-Large sized, patch 96, three steps (see overhead.py), random weights, which do not change what it costs;
static is the same backbone on the whole 224 x 224 image. ONNX Runtime and ExecuTorch; all take turns within a round,
starting one place later each time. Ratio first (static / GFNet: above 1 GFNet is faster), with the 95 % interval of its
median from 1,000 resamples.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from overhead import mobilenet
from rounds import spread

from export.bundle import export_bundle
from gfnet_mobile import Session
from gfnet_mobile.bundle.golden import read_golden
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.host.preprocess import Prepared, from_pixels
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.models.config import ModelConfig
from gfnet_mobile.models.network import GlanceFocusNet

TARGETS = ["onnx", "executorch"]
WARMUP = 5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=40)
    rounds = arguments.parse_args().rounds
    dynamic = mobilenet()
    whole_image = {"name": "static", "steps": 1, "patch": dynamic.preprocessing.size}
    neither = {"focus_encoder": None, "policy": None}
    static = ModelConfig.model_validate({**dynamic.model_dump(), **whole_image, **neither})
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        gfnet, whole = (_exported(config, Path(name)) for config in (dynamic, static))
        image = from_pixels(read_golden(gfnet)["images"][0])
        works = {}
        for target in TARGETS:
            session = stack.enter_context(Session(gfnet, target))
            for step in range(dynamic.steps):
                works[target, step] = partial(_walk_to, session, image, step)
            works[target, "static"] = partial(_walk_to, stack.enter_context(Session(whole, target)), image, 0)
        taken = {what: [] for what in works}
        for number in range(rounds + WARMUP):
            for what in _turned(list(works), number):
                milliseconds = works[what]()
                if number >= WARMUP:
                    taken[what].append(milliseconds)
    for (target, step), samples in taken.items():
        if step == "static":
            continue
        ratios = np.array(taken[target, "static"]) / np.array(samples)
        middle = f"{np.median(taken[target, 'static']):.2f} and {np.median(samples):.2f} ms"
        print(f"{target}, after step {step}: static / GFNet {spread(ratios.tolist())} ({middle})")


def _exported(config: ModelConfig, folder: Path) -> Bundle:
    save_checkpoint(GlanceFocusNet(config), folder / f"{config.name}.safetensors")
    return export_bundle(folder / f"{config.name}.safetensors", TARGETS, folder)


def _turned(works: list[tuple[str, object]], number: int) -> Iterator[tuple[str, object]]:
    first = number % len(works)
    yield from works[first:] + works[:first]


def _walk_to(session: Session, image: Prepared, last: int) -> float:
    """Milliseconds from an image in its place to the answer of step ``last``."""
    image = session.prepare(image)
    *_, answer = session.walk(image, lambda step: step.index == last)
    return answer.elapsed_ms


if __name__ == "__main__":
    main()
