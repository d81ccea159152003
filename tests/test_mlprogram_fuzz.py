"""Damaged packages: one line each, whatever is damaged, in bounded memory; no crash.

Packages run in a process of their own, whose memory is limited, so that a crash is seen for what it is.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from exported import PACKAGING
from networks import small_network

from export.graphs import graphs_of
from gfnet_mobile.quiet import quiet

with quiet():
    from export import coreml as target

COUNT = int(os.environ.get("FUZZ", "2000"))
"""damaged packages in all"""
FORMS = ("none", "palette4", "fp16", "int8")
MEMORY = 6 * 2**30
"""bytes of address space, of which torch alone takes three"""


@pytest.mark.parametrize("form", FORMS)
def test_damaged_packages_are_refused_or_run_and_nothing_else(form, tmp_path):
    graphs = {graph.name: graph for graph in graphs_of(small_network(policy="conv", head="recurrent", image=40))}
    packages = []
    for name in ("exit", "policy"):
        with quiet():
            file = target.export(graphs[name], tmp_path, PACKAGING, form)
        packages.append(str(tmp_path / file.path))
    seed = f"{os.environ.get('TEST_SEED', '0')} {form}"
    call = [sys.executable, __file__, seed, str(COUNT // len(FORMS)), str(tmp_path / "damaged"), *packages]
    ran = subprocess.run(call, capture_output=True, text=True, timeout=900)
    assert ran.returncode == 0, ran.stdout[-500:] + ran.stderr[-2000:]
    refused, predicted = (int(number) for number in ran.stdout.split()[-2:])
    assert refused + predicted == COUNT // len(FORMS)
    assert refused > predicted / 2  # else the damage would not be worth the name


def damage(data: bytes, draw: random.Random) -> bytes:
    """Some bytes changed, left out, put in or repeated, or the end cut off."""
    content = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        place = draw.randrange(len(content) + 1)
        length = draw.choice((1, 1, 2, 4, 8, 64))
        kind = draw.choice(("change", "change", "flip", "flip", "number", "leave out", "put in", "repeat", "cut"))
        if kind == "change":
            content[place : place + length] = draw.randbytes(length)
        elif kind == "flip" and place < len(content):
            content[place] ^= 1 << draw.randrange(8)
        elif kind == "number":
            content[place : place + 8] = draw.choice((0, 1, 2**31, 2**63, 2**64 - 1)).to_bytes(8, "little")
        elif kind == "leave out":
            del content[place : place + length]
        elif kind == "put in":
            content[place:place] = draw.randbytes(length)
        elif kind == "repeat":
            content[place:place] = content[place : place + length]
        elif kind == "cut" and draw.random() < 0.2:
            del content[place:]
    return bytes(content)


def main(seed: str, count: str, folder: str, *packages: str) -> None:
    import resource
    import shutil

    import numpy as np
    import torch

    from gfnet_mobile.errors import UserError
    from gfnet_mobile.mlprogram import load

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    torch.set_num_threads(1)
    draw = random.Random(seed)
    refused = predicted = 0
    for number in range(int(count)):
        source, copy = Path(packages[number % len(packages)]), Path(folder)
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        model = [path for path in files if path.suffix == ".mlmodel"]
        file = draw.choice(files + 6 * model)
        file.write_bytes(damage(file.read_bytes(), draw))
        shutil.copyfile(file, copy.with_suffix(".last"))  # what crashed, if this does
        try:
            program = load(copy, draw.choice(("fp32", "fp16", "fp64")))
            program.predict({name: np.zeros(kind.shape, kind.dtype) for name, kind in program.inputs.items()})
            predicted += 1
        except UserError as error:
            assert "\n" not in str(error), str(error)
            assert len(str(error)) < 1000, str(error)
            refused += 1
    print(refused, predicted)


if __name__ == "__main__":
    main(*sys.argv[1:])
