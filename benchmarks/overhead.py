"""What the host adds to the sum of its graph calls; start-up time and peak memory of ``gfnet-mobile run``.

    python benchmarks/overhead.py --rounds 100

The network is MobileNet-V3-Large sized (patch 96, three steps, GRU policy, cascade, 1000 classes; random weights), on
ONNX Runtime, one thread, every image walked to the last step.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

from export.bundle import export_bundle
from gfnet_mobile import Session
from gfnet_mobile.bundle.manifest import Preprocessing
from gfnet_mobile.data import sign_scenes
from gfnet_mobile.host.preprocess import load_image
from gfnet_mobile.models.checkpoint import save_checkpoint
from gfnet_mobile.models.config import EncoderConfig, GruPolicyConfig, ModelConfig
from gfnet_mobile.models.network import GlanceFocusNet


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=100)
    rounds = arguments.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_checkpoint(GlanceFocusNet(mobilenet()), folder / "model.safetensors")
        bundle = export_bundle(folder / "model.safetensors", ["onnx"], folder)
        picture = load_image(sign_scenes(1, seed=0, split="test")[0][0], bundle.manifest.preprocessing)
        whole, graphs = [], []
        with Session(bundle, "onnx", 1) as session:
            for number in range(rounds + 10):
                following = replace(picture)  # another one each time, since putting it in its place counts
                start = perf_counter()
                answer = session.classify(following, threshold=1.0)  # a rule that is asked at every step
                if number >= 10:
                    whole.append((perf_counter() - start) * 1e3)
                    graphs.append(answer.elapsed_ms)
        added = np.array(whole) - np.array(graphs)
        print(f"classify {np.median(whole):.3f} ms, graph calls {np.median(graphs):.3f} ms")
        print(f"host overhead {np.median(added):.3f} ms, {100 * np.median(added / np.array(graphs)):.2f} % (bar: 3 %)")
        demo = export_bundle("demo", ["onnx"], folder)
        image = folder / "scene.png"
        Image.fromarray(sign_scenes(1, seed=0, split="test")[0][0]).save(image)
        command = [sys.executable, "-m", "gfnet_mobile", "run", str(demo.folder), str(image)]
        times = []
        for _ in range(5):
            start = perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(perf_counter() - start)
        peak = _peak_megabytes(command)
        print(f"run, start to answer: {min(times):.2f} s best, {np.median(times):.2f} s median of 5 (bar: 1.5 s)")
        print(f"run, peak memory: {peak:.0f} MB (bar: 200 MB)")


def mobilenet() -> ModelConfig:
    encoder = EncoderConfig(backbone="mobilenetv3_large_100")
    return ModelConfig(
        name="mobilenetv3-sized",
        classes=1000,
        steps=3,
        patch=96,
        glance_filter="bicubic",
        glance_encoder=encoder,
        focus_encoder=encoder,
        policy=GruPolicyConfig(),
        preprocessing=Preprocessing(size=224, resize=256, filter="bilinear"),
    )


def _peak_megabytes(command: list[str]) -> float:
    """Largest resident set of ``command``, asked of a process that has no other child."""
    script = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    script += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    found = subprocess.run([sys.executable, "-c", script, *command], check=True, capture_output=True, text=True)
    return int(found.stdout) / (1024 * 1024 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main()
