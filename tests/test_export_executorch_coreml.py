"""ExecuTorch programs for the Core ML delegate: the package of target coreml, whole, under ExecuTorch's wrapping."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from exported import NETWORKS, PACKAGING, largest_difference
from networks import small_network
from test_mlprogram_fuzz import damage
from torch import nn

from export.graphs import Graph, graphs_of
from gfnet_mobile.bundle.manifest import GraphFile
from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools as ct
    from executorch.backends.apple.coreml.compiler import CoreMLBackend
    from executorch.backends.apple.coreml.partition.coreml_partitioner import CoreMLPartitioner
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower
    from executorch.exir._serialize._program import deserialize_pte_binary
    from executorch.runtime import Runtime

    from export import coreml
    from export import executorch_coreml as target
    from gfnet_mobile.mlprogram.payload import flatten
    from gfnet_mobile.runtimes.executorch_coreml import delegated, open_program

DAMAGED = 300


def exported(graph: Graph, folder: Path, form="none") -> tuple[Path, GraphFile]:
    with quiet():
        file = target.export(graph, folder, PACKAGING, form)
    return folder / file.path, file


def interpreted(path: Path, file: GraphFile):
    """The program as a function of the graph's own tensor names."""
    opened = open_program(path, file, "fp16")

    def run(inputs):
        found = opened.program.predict({opened.names[tensor]: value for tensor, value in inputs.items()})
        return {tensor: found[opened.names[tensor]] for tensor in file.outputs}

    return run


@pytest.mark.parametrize("name", NETWORKS)
def test_every_graph_computes_what_the_eager_network_computes(name, tmp_path):
    for graph in graphs_of(small_network(**NETWORKS[name])):
        assert largest_difference(graph, interpreted(*exported(graph, tmp_path)), seed=1) <= 1e-5, graph.name


def test_a_program_is_one_call_of_the_delegate_and_nothing_else(tmp_path):
    for graph in graphs_of(small_network(policy="conv"))[:3]:
        path, _ = exported(graph, tmp_path)
        (plan,) = (p for p in deserialize_pte_binary(path.read_bytes()).program.execution_plan if p.name == "forward")
        assert [one.id for one in plan.delegates] == ["CoreMLBackend"]
        assert plan.operators == []
        assert len(plan.chains[0].instructions) == 1
        specs = {spec.key: spec.value for spec in plan.delegates[0].compile_specs}
        assert specs["min_deployment_target"] == str(ct.target.iOS16.value).encode()


@pytest.mark.parametrize("form", ["none", "fp16", "int8", "palette4"])
def test_the_package_inside_is_the_one_that_target_coreml_writes(form, tmp_path):
    graph = next(one for one in graphs_of(small_network(policy="conv")) if one.name == "policy")
    path, file = exported(graph, tmp_path, form)
    with quiet():
        package = tmp_path / coreml.export(graph, tmp_path, PACKAGING, form).path
    written = {one.relative_to(package).as_posix(): one.read_bytes() for one in package.rglob("*") if one.is_file()}
    files = delegated(path, "forward").files
    metadata = json.loads(files.pop("metadata.json"))
    assert files == {f"model.mlpackage/{name}": content for name, content in written.items()}
    assert metadata["inputNames"] == ["image", "state_map", "hidden"]
    assert metadata["outputNames"] == ["patch", "position", "hidden_out"]
    assert file.compression == form


def test_executorch_unpacks_it(tmp_path):
    native = pytest.importorskip("executorch.backends.apple.coreml.executorchcoreml")
    path, _ = exported(graphs_of(small_network())[0], tmp_path)
    data = deserialize_pte_binary(path.read_bytes()).program.backend_delegate_data[0].data
    assert native.unflatten_directory_contents(data, str(tmp_path))
    with quiet():
        ct.models.MLModel(str(tmp_path / "lowered_module" / "model.mlpackage"), skip_model_load=True)


def test_a_phone_can_tell_programs_apart_and_the_same_one_again(tmp_path):
    """The delegate keeps what Core ML has compiled under the payload's identifier."""
    graphs = graphs_of(small_network())[-2:]
    (tmp_path / "again").mkdir()
    paths, again = ([exported(graph, folder)[0] for graph in graphs] for folder in (tmp_path, tmp_path / "again"))
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    identifiers = [json.loads(delegated(path, "forward").files["metadata.json"])["identifier"] for path in paths]
    assert len(set(identifiers)) == len(paths)


def test_programs_name_their_checkpoint_and_nothing_of_the_machine(tmp_path):
    path, _ = exported(graphs_of(small_network())[-1], tmp_path)
    method = Runtime.get().load_program(path).load_method("checkpoint")
    assert method is not None
    assert method.execute([]) == [PACKAGING.checkpoint]
    for place in (Path(__file__).parents[1], tmp_path):
        assert str(place).encode() not in path.read_bytes()


class Other(nn.Module):
    """Not ours: one input is not used, and Core ML lists the outputs in another order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(5, 4)

    def forward(self, unused, vector, picture):
        first = torch.tanh(self.linear(vector))
        return first - self.conv(picture).mean((2, 3)), picture * 2, first


OTHER = Graph(
    "other",
    Other().eval(),
    {"vector": torch.rand(1, 5), "picture": torch.rand(1, 3, 8, 8)},
    ("difference", "double", "first"),
)


def lowered(folder: Path, partitioner) -> tuple[Path, GraphFile]:
    inputs = (torch.rand(1, 2), *OTHER.inputs.values())
    with quiet(), torch.no_grad():
        edge = to_edge_transform_and_lower(torch.export.export(OTHER.module, inputs), partitioner=[partitioner])
        (folder / "other.pte").write_bytes(edge.to_executorch().buffer)
    entry = GraphFile(path="other.pte", entry="forward", inputs=("unused", *OTHER.inputs), outputs=OTHER.outputs)
    return folder / "other.pte", entry


def core_ml(**options) -> CoreMLPartitioner:
    specs = CoreMLBackend.generate_compile_specs(
        minimum_deployment_target=ct.target.iOS17, compute_precision=ct.precision.FLOAT32
    )
    return CoreMLPartitioner(compile_specs=specs, **options)


def test_programs_that_executorch_lowers_itself_are_read_too(tmp_path):
    path, file = lowered(tmp_path, core_ml())
    run = interpreted(path, file)
    inputs = {tensor: value.numpy() for tensor, value in OTHER.inputs.items()}
    found = run(inputs)
    with torch.no_grad():
        eager = OTHER.module(None, *OTHER.inputs.values())
    for (tensor, value), expected in zip(found.items(), eager, strict=True):
        assert abs(value - expected.numpy()).max() <= 1e-6, tensor
    metadata = json.loads(delegated(path, "forward").files["metadata.json"])
    names = open_program(path, file, "fp32").names
    assert metadata["outputNames"] != [names[tensor] for tensor in OTHER.outputs]  # else this would prove little


def refusal(path: Path, file: GraphFile) -> str:
    with pytest.raises(UserError) as error:
        open_program(path, file, "fp32")
    return str(error.value)


def test_programs_for_others_are_refused(tmp_path):
    found = refusal(*lowered(tmp_path, XnnpackPartitioner()))
    assert found == f"{tmp_path}/other.pte: made for XnnpackBackend, not for CoreMLBackend"


def test_programs_that_leave_something_to_executorch_are_refused(tmp_path):
    found = refusal(*lowered(tmp_path, core_ml(skip_ops_for_coreml_delegation=["aten.tanh.default"])))
    assert "2 calls of CoreMLBackend where one is wanted; outside them: aten::tanh" in found


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> tuple[Path, GraphFile]:
    return exported(graphs_of(small_network())[-1], tmp_path_factory.mktemp("program"))


def with_files(program: tuple[Path, GraphFile], folder: Path, files: dict[str, bytes]) -> tuple[Path, GraphFile]:
    """Other files in the payload, which keeps its length: their table is found from the end."""
    path, file = program
    content = path.read_bytes()
    old = bytes(deserialize_pte_binary(content).program.backend_delegate_data[0].data)
    assert content.count(old) == 1
    payload, size = flatten(files), sum(map(len, files.values()))
    room = b" " * (len(old) - len(payload))
    changed = folder / "changed.pte"
    changed.write_bytes(content.replace(old, payload[:size] + room + payload[size:]))
    return changed, file


def test_a_payload_that_is_no_ml_program_is_refused(program, tmp_path):
    files = delegated(program[0], "forward").files
    model = ct.proto.Model_pb2.Model(specificationVersion=4)
    model.neuralNetwork.SetInParent()
    for changes, message in (
        ({"model.mlpackage/Data/com.apple.CoreML/model.mlmodel": model.SerializeToString()}, "type neuralNetwork"),
        ({"model.mlpackage/Manifest.json": b"{}"}, "Manifest.json: names no model"),
        ({"metadata.json": b"{}"}, "damaged"),
        ({"metadata.json": b'{"inputNames": [], "outputNames": []}'}, "metadata.json names 0 tensors"),
        ({"metadata.json": b'{"inputNames": [1], "outputNames": [2]}'}, "does not say what tensors are called"),
    ):
        found = refusal(*with_files(program, tmp_path, {**files, **changes}))
        assert found.startswith(f"{tmp_path}/changed.pte: ") and message in found
    del files["metadata.json"]
    assert "has no metadata.json" in refusal(*with_files(program, tmp_path, files))


def test_a_method_or_a_file_that_is_not_there_is_refused(program, tmp_path):
    path, file = program
    assert "no method 'main'; it has forward, checkpoint" in refusal(path, file.model_copy(update={"entry": "main"}))
    assert "cannot be read: no such file" in refusal(tmp_path / "nothing.pte", file)
    few = file.model_copy(update={"outputs": file.outputs[:1], "inputs": ()})
    assert "has more than the 0 inputs of the manifest" in refusal(path, few)


def test_damaged_programs_are_refused_in_one_line_or_read(program, tmp_path):
    path, file = program
    content, draw = path.read_bytes(), random.Random(0)
    damaged = Path(shutil.copy(path, tmp_path / "damaged.pte"))
    refused = 0
    for number in range(DAMAGED):
        head, tail = (1500, len(content) - 1500) if number % 2 else (0, 0)  # where there is structure
        middle = content[head:tail] if number % 2 else b""
        begin, end = (content[:head], content[tail:]) if number % 2 else (content, b"")
        damaged.write_bytes(damage(begin, draw) + middle + (damage(end, draw) if end else b""))
        try:
            open_program(damaged, file, "fp32")
        except UserError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 1000
    assert refused > DAMAGED / 2
