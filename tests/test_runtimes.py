"""Runtimes refuse what they cannot run, and say what would help."""

import shutil
import subprocess
import sys

import numpy as np
import onnx
import programs
import pytest

from gfnet_mobile import runtimes
from gfnet_mobile.bundle.store import open_bundle, write_manifest
from gfnet_mobile.errors import UserError
from gfnet_mobile.runtimes import known, open_runtime, runnable, unavailable


@pytest.fixture
def folder(recurrent_bundle, tmp_path):
    return shutil.copytree(recurrent_bundle.folder, tmp_path / "tiny.gfnet")


def test_unknown_targets_list_the_known(recurrent_bundle):
    with pytest.raises(UserError, match="no target 'tflite'; the bundle has onnx"):
        open_runtime(recurrent_bundle, "tflite")
    assert known == ("onnx", "executorch", "coreml", "executorch-coreml")


def test_a_target_that_no_runtime_here_runs_says_so(recurrent_bundle, folder):
    manifest = recurrent_bundle.manifest.model_dump()
    manifest["targets"]["litert"] = manifest["targets"]["onnx"]
    write_manifest(folder, manifest)
    bundle = open_bundle(folder)
    assert runnable(bundle) == ["onnx"]
    with pytest.raises(UserError, match="no runtime for target 'litert' on this machine; it runs onnx, "):
        open_runtime(bundle, "litert")


def test_a_bundle_of_which_nothing_runs_here_says_so(recurrent_bundle, monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda package: None)
    with pytest.raises(UserError, match=r"none of its targets \(onnx\) runs on this machine"):
        runnable(recurrent_bundle)


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(runtimes, "find_spec", lambda package: None)
    assert "pip install 'gfnet-mobile[export]'" in str(unavailable("executorch"))


def test_threads_start_at_one(recurrent_bundle):
    with pytest.raises(UserError, match="threads 0"):
        open_runtime(recurrent_bundle, "onnx", threads=0)


def test_a_file_that_is_no_graph_is_refused(recurrent_bundle, folder):
    (folder / "onnx/focus.onnx").write_bytes(b"nonsense")
    write_manifest(folder, recurrent_bundle.manifest.model_dump())
    with pytest.raises(UserError, match=r"focus.onnx: ONNX Runtime cannot load it") as error:
        open_runtime(open_bundle(folder), "onnx")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (programs.encoder("focus", "patch", 6), r"'patch' is float32 \[1, 3, 6, 6\] in the file"),
        (programs.encoder("focus", "crop", 4), r"inputs are \['crop'\]"),
    ],
)
def test_a_graph_with_other_tensors_than_the_manifest_is_refused(recurrent_bundle, folder, graph, message):
    onnx.save(graph.model, folder / "onnx/focus.onnx")
    write_manifest(folder, recurrent_bundle.manifest.model_dump())
    runtime = open_runtime(open_bundle(folder), "onnx")
    patch, feature = np.zeros((1, 3, 4, 4), np.float32), np.zeros((1, 4), np.float32)
    with pytest.raises(UserError, match=message):
        runtime.bind("focus", {"patch": patch}, {"feature": feature, "state": np.zeros((1, 3, 2, 2), np.float32)})


def test_a_bound_call_reads_and_writes_the_buffers_in_place(recurrent_bundle):
    runtime = open_runtime(recurrent_bundle, "onnx")
    patch, feature = np.zeros((1, 3, 4, 4), np.float32), np.zeros((1, 4), np.float32)
    state = np.zeros((1, 3, 2, 2), np.float32)
    call = runtime.bind("focus", {"patch": patch}, {"feature": feature, "state": state})
    for value in (1, 2):
        patch.fill(value)
        call()
        np.testing.assert_allclose(state, value)
    runtime.close()


SWAP = programs.Graph("swap", "float[1,4] a, float[1,4] b", "float[1,4] a_out, float[1,4] b_out",
                      "a_out = Identity (b) b_out = Identity (a)")  # fmt: skip


def check_swap(runtime):
    """A call whose outputs are its inputs, the other way round."""
    a, b = np.zeros((1, 4), np.float32), np.ones((1, 4), np.float32)
    call = runtime.bind("swap", {"a": a, "b": b}, {"a_out": a, "b_out": b})
    for first in (1, 0, 1):
        call()
        runtime.read(a, b)
        assert (a == first).all() and (b == 1 - first).all()


def swapping(folder, targets):
    """A bundle whose one graph gives back its inputs, exchanged."""
    shape = (1, 4), "float32", "image"
    registers = {"image": programs.BASE["image"], "logits": programs.BASE["logits"], "a": shape, "b": shape}
    static = programs.static()
    calls = [*static.steps[0][0], programs.call("swap", "a b", "a_out>a b_out>b")]
    program = programs.Program((*static.graphs, SWAP), registers, ((calls, None),))
    return programs.make_bundle(folder, program, targets=programs.draft(program)["targets"] | targets)


def test_all_inputs_are_read_before_an_output_is_written(tmp_path):
    check_swap(open_runtime(swapping(tmp_path / "b.gfnet", {}), "onnx"))


@pytest.fixture(params=[False, True], ids=["inputs where the caller has them", "inputs in memory of its own"])
def executorch_swap(request, tmp_path):
    """As ``export`` makes programs, and as others do."""
    torch, exir = pytest.importorskip("torch"), pytest.importorskip("executorch.exir")
    from executorch.exir.passes import MemoryPlanningPass

    class Swap(torch.nn.Module):
        def forward(self, a, b):
            return b * 1, a * 1

    folder = tmp_path / "b.gfnet"
    folder.mkdir()
    program = exir.to_edge_transform_and_lower(torch.export.export(Swap(), (torch.zeros(1, 4), torch.zeros(1, 4))))
    config = exir.ExecutorchBackendConfig(memory_planning_pass=MemoryPlanningPass(alloc_graph_input=request.param))
    (folder / "swap.pte").write_bytes(program.to_executorch(config).buffer)
    file = {"path": "swap.pte", "entry": "forward", "inputs": ["a", "b"], "outputs": ["a_out", "b_out"]}
    net = file | {"inputs": ["image"], "outputs": ["logits"]}  # never called
    return swapping(folder, {"executorch": {"graphs": {"swap": file, "net": net}}})


def test_executorch_reads_all_inputs_before_it_writes(executorch_swap):
    check_swap(open_runtime(executorch_swap, "executorch"))


def test_one_executorch_method_serves_several_calls(executorch_swap):
    runtime = open_runtime(executorch_swap, "executorch")
    buffers = np.arange(32, dtype=np.float32).reshape(8, 1, 4)
    calls = [
        runtime.bind("swap", {"a": a, "b": b}, {"a_out": c, "b_out": d}) for a, b, c, d in (buffers[:4], buffers[4:])
    ]
    for call in (calls[0], calls[1], calls[1], calls[0]):
        buffers[[0, 1, 4, 5]] += 1
        call()
        a, b, c, d = buffers[:4] if call is calls[0] else buffers[4:]
        np.testing.assert_array_equal((c, d), (b, a))


def test_threads_may_open_executorch_programs_at_the_same_time(executorch_swap):
    """In a process of its own: the pool of threads is made once."""
    script = """
import sys
from concurrent.futures import ThreadPoolExecutor
from gfnet_mobile.bundle.store import open_bundle
from gfnet_mobile.runtimes import open_runtime

bundle = open_bundle(sys.argv[1])
list(ThreadPoolExecutor(8).map(lambda number: open_runtime(bundle, "executorch"), range(64)))
print("still heard", file=sys.stderr)
"""
    command = [sys.executable, "-c", script, str(executorch_swap.folder)]
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert done.stderr.endswith("still heard\n")


def test_a_file_may_have_its_own_name_for_a_tensor(recurrent_bundle, folder):
    onnx.save(programs.encoder("focus", "crop", 4).model, folder / "onnx/focus.onnx")
    manifest = recurrent_bundle.manifest.model_dump()
    manifest["targets"]["onnx"]["graphs"]["focus"]["names"] = {"patch": "crop"}
    write_manifest(folder, manifest)
    patch, feature = np.ones((1, 3, 4, 4), np.float32), np.zeros((1, 4), np.float32)
    state = np.zeros((1, 3, 2, 2), np.float32)
    open_runtime(open_bundle(folder), "onnx").bind("focus", {"patch": patch}, {"feature": feature, "state": state})()
    np.testing.assert_allclose(state, 1)


@pytest.fixture(scope="module")
def executorch_bundle(tmp_path_factory):
    """The static program as an ExecuTorch method, of the ONNX graph's weights."""
    torch, exir = pytest.importorskip("torch"), pytest.importorskip("executorch.exir")
    program = programs.static()
    weight = onnx.numpy_helper.to_array(program.graphs[0].model.graph.initializer[0]).copy()

    class Net(torch.nn.Module):
        def forward(self, image):
            return (image.flatten(1) @ torch.from_numpy(weight),)

    exported = torch.export.export(Net(), (torch.zeros(1, 3, programs.S, programs.S),))
    folder = tmp_path_factory.mktemp("executorch") / "static.gfnet"
    folder.mkdir()
    (folder / "net.pte").write_bytes(exir.to_edge_transform_and_lower({"net": exported}).to_executorch().buffer)
    file = {"path": "net.pte", "entry": "net", "inputs": ["image"], "outputs": ["logits"]}
    targets = programs.draft(program)["targets"] | {"executorch": {"graphs": {"net": file}}}
    return programs.make_bundle(folder, program, targets=targets)


def test_executorch_runs_what_onnx_runtime_runs(executorch_bundle):
    from gfnet_mobile.measure.verify import verify

    report = verify(executorch_bundle, ["onnx", "executorch"])
    assert {row.target for row in report.rows} == {"onnx", "executorch"}
    assert all(row.ok for row in report.rows) and not report.not_run


def test_executorch_refuses_a_missing_method_and_another_shape(executorch_bundle, tmp_path):
    folder = shutil.copytree(executorch_bundle.folder, tmp_path / "b.gfnet")
    manifest = executorch_bundle.manifest.model_dump()
    manifest["targets"]["executorch"]["graphs"]["net"]["entry"] = "main"
    write_manifest(folder, manifest)
    with pytest.raises(UserError, match=r"net.pte: ExecuTorch cannot load method 'main'"):
        open_runtime(open_bundle(folder), "executorch")
    runtime = open_runtime(executorch_bundle, "executorch")
    with pytest.raises(UserError, match=r"'image' is float32 \[1, 3, 8, 8\] in the file"):
        runtime.bind("net", {"image": np.zeros((1, 3, 9, 9), np.float32)}, {"logits": np.zeros((1, 5), np.float32)})


def test_what_is_interpreted_is_run_only_where_asked_for_or_alone(recurrent_bundle, tmp_path):
    folder = shutil.copytree(recurrent_bundle.folder, tmp_path / "b.gfnet")
    manifest = recurrent_bundle.manifest.model_dump()
    manifest["targets"] = {"coreml": manifest["targets"]["onnx"], "onnx": manifest["targets"]["onnx"]}
    write_manifest(folder, manifest)
    assert runnable(open_bundle(folder)) == ["onnx"]
    del manifest["targets"]["onnx"]
    write_manifest(folder, manifest)
    assert runnable(open_bundle(folder)) == ["coreml"]
