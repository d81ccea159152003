"""How many small changes to saved Core ML packages ``verify`` notices, file hashes switched off.

    python -m benchmarks.mutations --count 1000

A change is drawn evenly among operators, attributes, weights, edges and outputs of a bundle's graphs; the manifest's
hashes are written anew after it. It is left out only where the outputs on 20 random inputs stay the same, bit by bit.
"""

import random
import shutil
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from export.bundle import export_bundle
from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.errors import CheckFailed, UserError
from gfnet_mobile.measure.verify import verify
from gfnet_mobile.mlprogram import load

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from mutations import mutate, outputs_of


def noticed(folder: Path) -> bool:
    try:
        report = verify(open_bundle(folder), ["coreml"])
    except (UserError, CheckFailed):
        return True
    return any(one.problem for one in report.probed) or not all(row.ok for row in report.rows)


def main(
    count: Annotated[int, typer.Option(help="Changes that matter.")] = 1000,
    seed: Annotated[int, typer.Option()] = 0,
    checkpoint: Annotated[str, typer.Option()] = "demo",
    compress: Annotated[str, typer.Option()] = "none",
) -> None:
    draw = random.Random(seed)
    found: Counter[str] = Counter()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bundle = export_bundle(checkpoint, ["coreml"], folder, compress={"": compress})  # type: ignore[dict-item]
        files = bundle.target("coreml").graphs
        before = {graph: outputs_of(bundle.path(file.path), "main", load) for graph, file in files.items()}
        copy = folder / "changed.gfnet"
        while found["noticed"] + found["missed"] < count:
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(bundle.folder, copy)
            graph = draw.choice(sorted(files))
            what = mutate(copy / files[graph].path, draw)
            write_manifest(copy, bundle.manifest.model_dump(exclude={"schema_version", "files", "bundle_id"}))
            try:
                if outputs_of(copy / files[graph].path, "main", load) == before[graph]:
                    found["the same"] += 1
                    continue
            except UserError:
                pass
            word = "noticed" if noticed(copy) else "missed"
            found[word] += 1
            if word == "missed":
                print(f"missed: {graph}: {what}", flush=True)
    print(f"{found['noticed'] / count:.2%} of {count} changes noticed ({found['the same']} more changed no output)")


if __name__ == "__main__":
    typer.run(main)
