"""Small changes of a saved package are noticed by what its operators give, file hashes or no file hashes."""

import os
import random
import shutil
from pathlib import Path

import pytest
from exported import PACKAGING
from mutations import mutate, outputs_of
from networks import small_network

from export.graphs import graphs_of
from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    from export import coreml as target
    from gfnet_mobile.mlprogram import load, probes

CHANGES = 40


def exported(folder: Path, name: str, form="none") -> Path:
    network = small_network(policy="conv", head="recurrent", image=64)
    graph = next(graph for graph in graphs_of(network) if graph.name == name)
    with quiet():
        return folder / target.export(graph, folder, PACKAGING, form).path


@pytest.mark.parametrize(("name", "form"), [("glance", "none"), ("policy", "fp16"), ("exit", "palette4")])
def test_a_change_that_changes_an_output_is_noticed(name, form, tmp_path):
    package = exported(tmp_path, name, form)
    recorded, outputs = probes.record(load(package, "fp64")), outputs_of(package, "main", load)
    draw = random.Random(f"{os.environ.get('TEST_SEED', '0')} {form}")
    changed, missed = 0, []
    for _ in range(CHANGES):
        copy = Path(shutil.copytree(package, tmp_path / "copy.mlpackage"))
        what = mutate(copy, draw)
        try:
            if outputs_of(copy, "main", load) != outputs:
                changed += 1
                missed += [] if probes.compare(load(copy, "fp64"), recorded) else [what]
        except UserError:
            changed += 1
        shutil.rmtree(copy)
    assert changed > CHANGES / 4
    assert missed == []


def test_an_unchanged_program_gives_what_it_gave(tmp_path):
    package = exported(tmp_path, "glance")
    records = {"glance": probes.record(load(package, "fp64"))}
    probes.write(records, tmp_path / "probes.json")
    assert probes.read(tmp_path / "probes.json", ["glance"]) == records
    assert probes.compare(load(package, "fp64"), records["glance"]) == ""
    with pytest.raises(UserError, match="no record of graph 'focus'"):
        probes.read(tmp_path / "probes.json", ["glance", "focus"])
    (tmp_path / "probes.json").write_text("{")
    with pytest.raises(UserError, match="no record of operators"):
        probes.read(tmp_path / "probes.json", ["glance"])


def test_another_program_is_not_taken_for_it(tmp_path):
    recorded = probes.record(load(exported(tmp_path, "glance"), "fp64"))
    assert "when exported" in probes.compare(load(exported(tmp_path, "exit"), "fp64"), recorded)
