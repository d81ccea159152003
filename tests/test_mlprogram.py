"""The interpreter of ML programs refuses what it does not understand, and says where."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from exported import PACKAGING
from networks import small_network

from export.graphs import graphs_of
from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    from coremltools.proto import Model_pb2

    from export import coreml as target
    from gfnet_mobile.mlprogram import load

DATA = Path("Data") / "com.apple.CoreML"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    with quiet():
        file = target.export(graphs_of(small_network())[0], folder, PACKAGING)
    return folder / file.path


@pytest.fixture
def package(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "glance.mlpackage"))


def change(package, edit):
    """Rewrites the protobuf; ``edit`` is given the model and its list of operations."""
    file = package / DATA / "model.mlmodel"
    model = Model_pb2.Model()
    model.ParseFromString(file.read_bytes())
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    edit(model, block.operations)
    file.write_bytes(model.SerializeToString())


def first(operations, kind):
    return next(operation for operation in operations if operation.type == kind)


def refused(package):
    with pytest.raises(UserError) as error:
        load(package).predict({"image": np.zeros((1, 3, 96, 96), np.float32)})
    assert "\n" not in str(error.value)
    return str(error.value)


def test_inputs_must_be_those_of_the_program(package):
    program = load(package)
    assert set(program.predict({"image": np.zeros((1, 3, 96, 96), np.float32)})) == {"small_image", "feature"}
    with pytest.raises(UserError, match=r"inputs \['picture'\]; the program takes \['image'\]"):
        program.predict({"picture": np.zeros((1, 3, 96, 96), np.float32)})
    with pytest.raises(UserError, match=r"input 'image': is float64 \[1, 3, 96, 96\] where the program says float32"):
        program.predict({"image": np.zeros((1, 3, 96, 96))})
    with pytest.raises(UserError, match=r"input 'image': is float32 \[1, 3, 9, 9\]"):
        program.predict({"image": np.zeros((1, 3, 9, 9), np.float32)})


def test_an_unknown_operator_is_named(package):
    def edit(model, operations):
        first(operations, "conv").type = "conv_of_tomorrow"

    change(package, edit)
    assert "operator 'conv_of_tomorrow' is not understood" in refused(package)


def test_an_argument_that_nobody_reads_is_named(package):
    def edit(model, operations):
        relu = first(operations, "relu")
        relu.inputs["slope"].CopyFrom(relu.inputs["x"])

    change(package, edit)
    assert "unexpected keyword argument 'slope'" in refused(package)


def test_a_missing_argument_is_named(package):
    def edit(model, operations):
        del first(operations, "conv").inputs["weight"]

    change(package, edit)
    assert "missing a required argument: 'weight'" in refused(package)


def test_a_result_of_another_shape_than_declared_is_refused(package):
    def edit(model, operations):
        first(operations, "relu").outputs[0].type.tensorType.dimensions[1].constant.size += 1

    change(package, edit)
    assert "where the program says float32" in refused(package)


def test_a_shape_that_depends_on_data_is_refused(package):
    def edit(model, operations):
        first(operations, "relu").outputs[0].type.tensorType.dimensions[0].unknown.variadic = False

    change(package, edit)
    assert "its shape depends on data" in refused(package)


def test_a_value_from_the_future_is_refused(package):
    def edit(model, operations):
        relus = [operation for operation in operations if operation.type == "relu"]
        relus[0].inputs["x"].arguments[0].name = relus[-1].outputs[0].name

    change(package, edit)
    assert "is not computed before it is used" in refused(package)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("offset", 1, "no tensor begins there"),
        ("offset", 2**40, "beyond the end of the file"),
        ("fileName", "@model_path/../../../../secret.bin", "outside of the package"),
        ("fileName", "/etc/passwd", "outside of the package"),
        ("fileName", "@model_path/weights/other.bin", "weights cannot be read"),
    ],
)
def test_weights_that_are_not_there_are_refused(package, field, value, message):
    def edit(model, operations):
        for operation in operations:
            if operation.type == "const" and operation.attributes["val"].WhichOneof("value") == "blobFileValue":
                setattr(operation.attributes["val"].blobFileValue, field, value)
                return

    change(package, edit)
    assert message in refused(package)


def test_a_weights_file_cut_short_is_refused(package):
    file = package / DATA / "weights" / "weight.bin"
    file.write_bytes(file.read_bytes()[:200])
    assert "weight.bin" in refused(package)


def test_a_model_of_another_type_is_refused(package):
    def edit(model, operations):
        model.neuralNetwork.SetInParent()

    change(package, edit)
    assert "a model of type neuralNetwork; only ML programs" in refused(package)


def test_folders_that_are_no_package_are_refused(package, tmp_path):
    assert "no Core ML package" in refused(tmp_path / "nowhere.mlpackage")
    manifest = package / "Manifest.json"
    content = manifest.read_text()
    for broken in ("{", "[]", json.dumps({"rootModelIdentifier": "x", "itemInfoEntries": {}})):
        manifest.write_text(broken)
        assert "names no model" in refused(package)
    manifest.write_text(content)
    (package / DATA / "model.mlmodel").write_bytes(b"\xff" * 40)
    assert "the protobuf is damaged" in refused(package)


def test_a_model_of_a_later_specification_is_refused(package):
    def later(model, operations):
        model.specificationVersion = 99

    change(package, later)
    assert "specification version 99 is later than" in refused(package)


def test_an_operator_set_of_a_later_specification_is_refused(package):
    def later(model, operations):
        function = model.mlProgram.functions["main"]
        function.block_specializations["CoreML99"].CopyFrom(function.block_specializations[function.opset])
        function.opset = "CoreML99"

    change(package, later)
    assert "operator set 'CoreML99' is none of" in refused(package)


def test_a_function_that_calls_itself_is_refused(package):
    def edit(model, operations):
        relu = first(operations, "relu")
        relu.type = "main"

    change(package, edit)
    assert "operator 'main' is not understood" in refused(package)


def test_a_value_given_twice_is_refused(package):
    def edit(model, operations):
        relus = [operation for operation in operations if operation.type == "relu"]
        relus[1].outputs[0].name = relus[0].outputs[0].name

    change(package, edit)
    assert "has a value already" in refused(package)


def test_sizes_that_overflow_are_refused(package):
    def edit(model, operations):
        first(operations, "relu").outputs[0].type.tensorType.dimensions[1].constant.size = 2**63

    change(package, edit)
    assert "has more than" in refused(package)


def test_there_is_no_function_of_another_name(package):
    with pytest.raises(UserError, match="no function 'other'; it has main"):
        load(package, function="other")
