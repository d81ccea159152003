"""Core ML packages where Core ML itself cannot run: their form, and what they compute when they are interpreted."""

from pathlib import Path

import numpy as np
import pytest
from exported import NETWORKS, PACKAGING, cut_graph, largest_difference, random_inputs
from networks import small_network

from export.graphs import Graph, graphs_of
from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools as ct
    from coremltools.proto import FeatureTypes_pb2, MIL_pb2

    from export import coreml as target
    from gfnet_mobile.mlprogram import load

SAMPLE = ("value map, cascade", "linear GRU, glance classifier, bicubic", "static, glance classifier")


def exported(graph: Graph, folder: Path, form="none"):
    """The manifest's entry and the package's specification."""
    with quiet():
        file = target.export(graph, folder, PACKAGING, form)
        return file, ct.utils.load_spec(str(folder / file.path))


def operations(specification) -> dict[str, object]:
    """Kind of operation → the last one of that kind."""
    (block,) = specification.mlProgram.functions["main"].block_specializations.values()
    return {operation.type: operation for operation in block.operations}


def files_of(package: Path) -> dict[str, bytes]:
    return {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*") if path.is_file()}


def size(package: Path) -> int:
    return sum(len(content) for content in files_of(package).values())


def interpreted(graph: Graph, folder: Path, form="none"):
    """The saved package as a function of the graph's own tensor names."""
    file, _ = exported(graph, folder, form)
    program, names = load(folder / file.path, "fp16"), file.names

    def run(inputs):
        found = program.predict({names.get(tensor, tensor): value for tensor, value in inputs.items()})
        return {tensor: found[names.get(tensor, tensor)] for tensor in graph.outputs}

    return run


@pytest.mark.parametrize("name", NETWORKS)
def test_every_graph_computes_what_the_eager_network_computes(name, tmp_path):
    for graph in graphs_of(small_network(**NETWORKS[name])):
        assert largest_difference(graph, interpreted(graph, tmp_path), seed=1) <= 1e-5, graph.name


@pytest.mark.parametrize("name", SAMPLE)
def test_packages_declare_names_shapes_and_dtypes(name, tmp_path):
    for graph in graphs_of(small_network(**NETWORKS[name])):
        file, specification = exported(graph, tmp_path)
        assert specification.WhichOneof("Type") == "mlProgram"
        described = {
            tensor.name: (tuple(tensor.type.multiArrayType.shape), tensor.type.multiArrayType.dataType)
            for tensor in (*specification.description.input, *specification.description.output)
        }
        named = [file.names.get(tensor, tensor) for tensor in (*graph.inputs, *graph.outputs)]
        assert sorted(described) == sorted(named)
        types = FeatureTypes_pb2.ArrayFeatureType
        for tensor, example in graph.inputs.items():
            assert described[file.names.get(tensor, tensor)] == (tuple(example.shape), types.FLOAT32)
        for tensor in graph.outputs:
            dtype = types.INT32 if tensor == "position" else types.FLOAT32
            assert described[file.names.get(tensor, tensor)][1] == dtype


def test_the_keyword_state_is_called_something_else(tmp_path):
    file, specification = exported(graphs_of(small_network(policy="conv"))[0], tmp_path)
    assert file.outputs == ("feature", "state")
    assert file.names == {"state": "state_map"}
    assert [tensor.name for tensor in specification.description.output] == ["feature", "state_map"]


@pytest.mark.parametrize("policy", ["conv", "value_map"])
def test_the_crop_is_a_slice_of_static_shape_at_an_int32_position(policy, tmp_path):
    graph = next(graph for graph in graphs_of(small_network(policy=policy)) if graph.name == "policy")
    found = operations(exported(graph, tmp_path)[1])
    shape = found["slice_by_size"].outputs[0].type.tensorType.dimensions
    assert [side.constant.size for side in shape] == [1, 3, 32, 32]
    assert not {"resample", "crop_resize", "gather_nd"} & set(found)


FORMS = [form for form in target.COMPRESSIONS if form != "none"]
ALLOWED = {"fp16": 0.01, "int8": 0.1, "palette8": 0.1, "palette6": 0.3, "palette4": 1.5}
"""differences from eager that a small network of random weights may show; a wrong order of weights shows far larger"""


@pytest.mark.parametrize("form", FORMS)
def test_compressed_graphs_are_smaller_and_compute_nearly_the_same(form, tmp_path):
    glance, *_ = graphs_of(small_network())
    whole, small = (exported(glance, tmp_path / word, word)[0] for word in ("none", form))
    assert small.compression == form
    sizes = [size(tmp_path / word / file.path) for word, file in (("none", whole), (form, small))]
    assert sizes[1] < (0.65 if form == "fp16" else 0.5) * sizes[0]
    assert 0 < largest_difference(glance, interpreted(glance, tmp_path, form), seed=1) <= ALLOWED[form]


@pytest.mark.parametrize("form", FORMS)
def test_compressed_graphs_are_the_same_bytes_each_time(form, tmp_path):
    exit_head = graphs_of(small_network(head="recurrent"))[1]
    once, again = (tmp_path / turn / exported(exit_head, tmp_path / turn, form)[0].path for turn in ("1", "2"))
    assert files_of(once) == files_of(again)


@pytest.mark.parametrize("policy", ["conv", "linear", "value_map"])
def test_positions_and_patches_stay_exact_in_float16(policy, tmp_path):
    graph = next(graph for graph in graphs_of(small_network(policy=policy)) if graph.name == "policy")
    _, specification = exported(graph, tmp_path, "fp16")
    kinds = operations(specification)
    tail = ("slice_by_size", "floor") if policy != "value_map" else ("slice_by_size",)
    assert all(kinds[kind].outputs[0].type.tensorType.dataType == MIL_pb2.FLOAT32 for kind in tail)
    run = interpreted(graph, tmp_path / "again", "fp16")
    for seed in range(20):
        inputs = random_inputs(graph, seed)
        found = run(inputs)
        row, column = found["position"][0]
        patch = inputs["image"][:, :, row : row + 32, column : column + 32]
        assert (found["patch"] == patch).all()


def test_programs_need_ios_16_and_name_their_checkpoint(tmp_path):
    _, specification = exported(graphs_of(small_network())[0], tmp_path)
    assert specification.specificationVersion == ct.target.iOS16
    assert dict(specification.description.metadata.userDefined) == {"checkpoint": PACKAGING.checkpoint}


def test_packages_hold_three_files_and_nothing_of_the_machine(tmp_path):
    file, _ = exported(graphs_of(small_network())[0], tmp_path)
    package = tmp_path / file.path
    files = {path.relative_to(package).as_posix(): path for path in package.rglob("*") if path.is_file()}
    data = "Data/com.apple.CoreML"
    assert set(files) == {"Manifest.json", f"{data}/model.mlmodel", f"{data}/weights/weight.bin"}
    for path in files.values():
        assert str(Path(__file__).parents[1]).encode() not in path.read_bytes()
    with quiet():
        ct.models.MLModel(str(package), skip_model_load=True)


PUBLISHED = ((224, 96), (224, 128), (260, 128), (300, 128), (300, 144))
"""image and patch of the published configurations"""


@pytest.mark.parametrize("form", ["slice", "one-hot"])
@pytest.mark.parametrize(("image", "patch"), PUBLISHED)
def test_every_reachable_patch_is_cut_exactly_in_float16(image, patch, form, tmp_path):
    """Rows and columns are chosen independently of each other, so that every row and every column is proof enough."""
    cut = interpreted(cut_graph(image, patch, form), tmp_path, "fp16")
    pixels = np.random.default_rng(1).integers(0, 256, (1, 3, image, image)).astype(np.float32) / np.float32(255)
    stored = pixels if form == "slice" else pixels.astype(np.float16).astype(np.float32)
    last = image - patch
    for row, column in ((place, last - place) for place in range(last + 1)):
        found = cut({"image": pixels, "position": np.array([[row, column]], np.int32)})["patch"]
        assert (found == stored[:, :, row : row + patch, column : column + patch]).all(), (row, column)
