"""docs/coreml.md: the interpreter beside the eager network, for every published configuration.

    python -m benchmarks.interpreter
    python -m benchmarks.interpreter --only resnet50-96

Weights are made up by the rule of ``tests/reference``. Every graph is exported to Core ML in float32 and in float16.
In float32 all steps run interpreted on the golden images, beside the eager network; in float16 each graph alone on what
the eager network gave it, beside torch's own half of the same module.
"""

import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray

from export.bundle import export_bundle
from export.graphs import Graph, graphs_of
from gfnet_mobile.bundle.golden import GoldenCall, golden_calls, read_golden
from gfnet_mobile.bundle.store import Bundle
from gfnet_mobile.host.preprocess import from_pixels
from gfnet_mobile.host.session import Session
from gfnet_mobile.models.checkpoint import load_checkpoint
from gfnet_mobile.published.families import families

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import published_files

WHOLE, RATIO = 2e-4, 1.5
"""the bars: largest difference in float32, of the tensor's largest value; error in float16 in torch's own"""
Arrays = dict[str, NDArray[Any]]


def main(only: Annotated[list[str], typer.Option(help="NAME-PATCH; all if none is given.")] = []) -> None:  # noqa: B006
    torch.set_num_threads(1)
    known = [f"{n}-{p}" for family in families() for n, one in family.configurations.items() for p in one.patches]
    print("| configuration | float32, largest difference | positions | float16 / torch's half | one image, all steps |")
    print("|---|---|---|---|---|")
    for name in only or known:
        with TemporaryDirectory() as folder:
            print(_row(name, Path(folder)), flush=True)


def _row(name: str, folder: Path) -> str:
    configuration = name if name in published_files.OTHERS else name.rsplit("-", 1)[0]
    path = published_files.write(published_files.content_of(configuration), folder / "file.pth.tar")
    whole = export_bundle(path, ["coreml"], folder / "whole")
    half = export_bundle(path, ["coreml"], folder / "half", compress={"": "fp16"})
    graphs = {graph.name: graph for graph in graphs_of(load_checkpoint(path))}
    difference, alike, seconds = _loop(whole)
    ratio, where = max(_ratios(half, graphs))
    met = difference <= WHOLE and alike and ratio <= RATIO
    positions = "equal" if alike else "NOT EQUAL"
    return (f"| {name} | {difference:.1e} | {positions} | {ratio:.2f} ({where}) | {seconds:.2f} s |"
            + ("" if met else " MISSED"))  # fmt: skip


def _loop(bundle: Bundle) -> tuple[float, bool, float]:
    """All steps on each golden image: the largest difference, whether all positions are equal, and seconds for an
    image, the least of all."""
    golden = read_golden(bundle)
    calls = list(golden_calls(bundle.manifest, golden))
    largest, alike, seconds = 0.0, True, []
    with Session(bundle, "coreml") as session:
        for number, pixels in enumerate(golden["images"]):
            start = perf_counter()
            for step in session.steps(from_pixels(pixels)):
                here = [recorded for recorded in calls if recorded.step == step.index]
                for tensor, expected, found in _compared(session, here, number):
                    if tensor == "position":
                        alike &= np.array_equal(found, expected)
                    else:
                        largest = max(largest, float(np.abs(found - expected).max() / np.abs(expected).max()))
            seconds.append(perf_counter() - start)
    return largest, alike, min(seconds)


def _compared(session: Session, calls: list[GoldenCall], image: int) -> Iterator[tuple[str, Any, Any]]:
    for recorded in calls:
        for tensor, register in recorded.call.outputs.items():
            yield tensor, recorded.outputs[tensor][image], session.register(register)[0]


def _ratios(bundle: Bundle, graphs: dict[str, Graph]) -> Iterator[tuple[float, str]]:
    """For each tensor that a float16 graph gives: its error in that of torch's half, and its name. A patch that either
    of them cuts elsewhere is not compared."""
    with Session(bundle, "coreml") as session:
        for recorded in golden_calls(bundle.manifest, read_golden(bundle)):
            graph = graphs[recorded.call.graph]
            rounded = copy.deepcopy(graph.module).half()
            errors: dict[str, list[tuple[float, float]]] = {}
            for image in range(len(next(iter(recorded.outputs.values())))):
                inputs = {tensor: recorded.inputs[tensor][image : image + 1] for tensor in graph.inputs}
                found = _interpreted(session, recorded, inputs)
                with torch.no_grad():
                    given = [torch.from_numpy(value) for value in inputs.values()]
                    eager = graph.module(*given)
                    theirs = rounded(*(value.half() for value in given))
                moved = "position" in graph.outputs and not all(
                    np.array_equal(place, eager[graph.outputs.index("position")])
                    for place in (found["position"], theirs[graph.outputs.index("position")])
                )
                for tensor, expected, value in zip(graph.outputs, eager, theirs, strict=True):
                    if tensor in found and expected.is_floating_point() and not (tensor == "patch" and moved):
                        exact = expected.double().numpy()
                        pair = (
                            np.square(found[tensor] - exact).mean(),
                            np.square(value.double().numpy() - exact).mean(),
                        )
                        errors.setdefault(tensor, []).append(pair)
            for tensor, pairs in errors.items():
                ours, halves = np.sqrt(np.mean(pairs, 0))
                yield float(ours / halves if halves else 0.0 if ours == 0 else np.inf), f"{graph.name}'s {tensor}"


def _interpreted(session: Session, recorded: GoldenCall, inputs: Arrays) -> Arrays:
    outputs = {tensor: np.empty_like(values[:1]) for tensor, values in recorded.outputs.items()}
    session.runtime.bind(recorded.call.graph, {name: value.copy() for name, value in inputs.items()}, outputs)()
    session.runtime.read(*outputs.values())
    return outputs


if __name__ == "__main__":
    typer.run(main)
