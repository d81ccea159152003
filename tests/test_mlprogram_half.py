"""A float16 program is proven to be the float32 one, rounded; anything else is named."""

from dataclasses import replace

import numpy as np
import pytest
from exported import PACKAGING
from networks import small_network

from export.graphs import graphs_of
from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    from export import coreml as target
    from gfnet_mobile.mlprogram.half import prove_half
    from gfnet_mobile.mlprogram.package import open_package
    from gfnet_mobile.mlprogram.program import read_function


def pair(graph, folder):
    """The float32 and the float16 program of a graph."""
    programs = []
    for form in ("none", "fp16"):
        with quiet():
            file = target.export(graph, folder / form, PACKAGING, form)
        programs.append(read_function(open_package(folder / form / file.path)))
    return programs


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    graphs = graphs_of(small_network(policy="conv"))
    return pair(next(graph for graph in graphs if graph.name == "policy"), tmp_path_factory.mktemp("pair"))


@pytest.mark.parametrize("policy_kind", ["conv", "linear", "value_map"])
def test_every_graph_in_float16_is_the_float32_one_rounded(policy_kind, tmp_path):
    for graph in graphs_of(small_network(policy=policy_kind)):
        whole, half = pair(graph, tmp_path / graph.name)
        assert 0 < prove_half(whole, half) <= len(whole.operators)


def test_the_actors_weights_are_not_rounded(policy):
    whole, half = policy
    actors = [next(one for one in program.operators if one.outputs[0][1].shape == (1, 2)) for program in policy]
    weights = [program.constants[one.inputs["weight"][0]] for program, one in zip((whole, half), actors, strict=True)]
    assert weights[1].dtype == np.float32 and (weights[0] == weights[1]).all()


def test_any_changed_constant_is_noticed(policy):
    whole, half = policy
    used = {name for one in half.operators for names in one.inputs.values() for name in names}
    for name in used & set(half.constants):
        value = half.constants[name]
        if isinstance(value, str) or value.size == 0:
            continue
        changed = value.copy()
        changed.flat[-1] = not changed.flat[-1] if value.dtype == bool else changed.flat[-1] + value.dtype.type(1)
        with pytest.raises(UserError, match=r"float16 program: .* is not the float32 one rounded"):
            prove_half(whole, replace(half, constants={**half.constants, name: changed}))


def test_operators_that_are_missing_swapped_or_rewired_are_named(policy):
    whole, half = policy
    plain = [number for number, one in enumerate(half.operators) if one.kind != "cast"]
    for number in plain:
        without = half.operators[:number] + half.operators[number + 1 :]
        with pytest.raises(UserError, match="float16 program"):
            prove_half(whole, replace(half, operators=without))
        other = replace(half.operators[number], kind="softsign")
        changed = (*half.operators[:number], other, *half.operators[number + 1 :])
        with pytest.raises(UserError, match="float16 program: softsign"):
            prove_half(whole, replace(half, operators=changed))
    sigmoids = [number for number in plain if half.operators[number].kind == "sigmoid"]
    first, second = (half.operators[number] for number in sigmoids[:2])
    crossed = list(half.operators)
    crossed[sigmoids[1]] = replace(second, inputs=first.inputs)
    with pytest.raises(UserError, match=r"sigmoid .*'x' is another value than in the float32 program"):
        prove_half(whole, replace(half, operators=tuple(crossed)))
