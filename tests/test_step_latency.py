"""Latencies per step come from one bundle, one context and runs that count, or not at all."""

import numpy as np
import programs
import pytest

from gfnet_mobile.errors import UserError
from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.results import append_results, read_results, summarise
from gfnet_mobile.measure.step_latency import step_latency


@pytest.fixture(scope="module")
def measured(recurrent_bundle):
    return bench(recurrent_bundle, ["onnx"], rounds=4, warmup=0)


def changed(results, **fields):
    return [one.model_copy(update=fields) for one in results]


def graphs_only(results):
    return [one for one in results if not one.what.startswith("end_to_end")]


def of(results, what):
    (found,) = (one for one in results if one.what == what)
    return np.array(found.samples_ms)


def test_a_step_takes_what_was_measured_end_to_end(measured, recurrent_bundle):
    found = step_latency(measured, recurrent_bundle.manifest, "onnx")
    for step, samples in enumerate(found.cumulative_ms):
        assert samples.tolist() == of(measured, f"end_to_end:{step}").tolist()
        assert found.medians_ms[step] == np.median(samples)
    assert (found.context.target, found.context.threads) == ("onnx", 1)


def test_without_that_it_takes_as_long_as_the_graphs_up_to_there(measured, recurrent_bundle):
    found = step_latency(graphs_only(measured), recurrent_bundle.manifest, "onnx")
    total = 0
    for samples, step in zip(found.cumulative_ms, recurrent_bundle.manifest.steps, strict=True):
        total = total + sum(of(measured, f"graph:{call.graph}") for call in step.calls)
        assert samples.tolist() == pytest.approx(total.tolist())


def test_the_steps_own_times_add_up_to_the_whole(measured, recurrent_bundle):
    found = step_latency(graphs_only(measured), recurrent_bundle.manifest, "onnx")
    assert sum(found.own_ms).tolist() == pytest.approx(found.cumulative_ms[-1].tolist())


def test_repeats_are_pooled_and_runs_that_do_not_count_left_out(measured, recurrent_bundle):
    hot = changed(measured, repeat=2, invalid="thermal state severe at the end")
    again = changed(measured, repeat=3)
    found = step_latency([*measured, *hot, *again], recurrent_bundle.manifest)
    assert all(len(samples) == 8 for samples in found.cumulative_ms)
    with pytest.raises(UserError, match=r"no run counts.*thermal state severe"):
        step_latency(hot, recurrent_bundle.manifest)


def test_a_program_that_crops_by_itself_needs_no_latency_for_that(tmp_path):
    bundle = programs.make_bundle(tmp_path / "crop.gfnet", programs.builtin_crop())
    results = graphs_only(bench(bundle, ["onnx"], rounds=2, warmup=0))
    assert len(step_latency(results, bundle.manifest).cumulative_ms) == len(bundle.manifest.steps)


@pytest.mark.parametrize(
    ("field", "value", "choose"),
    [("target", "executorch", "--target"), ("threads", 4, "--threads"), ("runtime_version", "0", "keep one")],
)
def test_contexts_are_not_mixed(measured, recurrent_bundle, field, value, choose):
    mixed = [*measured, *changed(measured, **{field: value})]
    with pytest.raises(UserError, match=f"several contexts.*{choose}"):
        step_latency(mixed, recurrent_bundle.manifest)
    if choose.startswith("--"):
        found = step_latency(mixed, recurrent_bundle.manifest, **{field: value})
        assert getattr(found.context, field) == value


def test_two_devices_are_not_mixed(measured, recurrent_bundle):
    other = changed(measured, device=measured[0].device.model_copy(update={"model": "another"}))
    with pytest.raises(UserError, match=r"several contexts.*another.*--device"):
        step_latency([*measured, *other], recurrent_bundle.manifest)
    found = step_latency([*measured, *other], recurrent_bundle.manifest, device="another")
    assert found.context.device.model == "another"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda all: changed(all, bundle_id="0" * 64), "none of bundle"),
        (lambda all: [], "none of bundle"),
        (lambda all: [one for one in graphs_only(all) if one.what != "graph:policy"], "graph:policy"),
        (lambda all: changed(all, target="executorch"), "the file has executorch"),
        (lambda all: changed(all, samples_ms=()), "without samples"),
    ],
)
def test_what_does_not_suffice_is_refused(measured, recurrent_bundle, change, said):
    with pytest.raises(UserError, match=said):
        step_latency(change(measured), recurrent_bundle.manifest, "onnx")


def test_results_are_read_as_they_were_written(measured, tmp_path):
    append_results(tmp_path / "r.jsonl", measured)
    assert read_results(tmp_path / "r.jsonl") == measured
    (tmp_path / "r.jsonl").write_text(measured[0].model_dump_json() + "\n{}\n")
    with pytest.raises(UserError, match="line 2 is no result"):
        read_results(tmp_path / "r.jsonl")
    with pytest.raises(UserError, match="cannot be read"):
        read_results(tmp_path / "none.jsonl")


def test_the_summary_of_pooled_samples_is_that_of_the_latency(measured, recurrent_bundle):
    found = step_latency(measured, recurrent_bundle.manifest)
    assert summarise(found.cumulative_ms[0]).p50 == found.medians_ms[0]
