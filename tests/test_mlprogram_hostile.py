"""Packages that were broken on purpose: each is refused in one line, before memory is spent or a process ends."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb
    from coremltools.proto import Model_pb2

    from gfnet_mobile.mlprogram import interpreter, load
    from gfnet_mobile.mlprogram.ops import OPERATORS

DATA = Path("Data") / "com.apple.CoreML"
WEIGHT = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)


@mb.program(input_specs=[mb.TensorSpec(shape=(1, 3, 8, 8))], opset_version=ct.target.iOS17)
def NETWORK(x):
    x = mb.conv(x=x, weight=WEIGHT, pad_type="custom", pad=[1, 1, 1, 1], strides=[1, 1], groups=1, name="conv")
    x = mb.avg_pool(x=x, kernel_sizes=[2, 2], strides=[2, 2], pad_type="valid", name="pool")
    x = mb.tile(x=x, reps=[1, 1, 2, 2], name="tile")
    x = mb.reduce_mean(x=x, axes=[2, 3], name="mean")
    return mb.softmax(x=x, axis=-1, name="y")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "network.mlpackage"
    save(NETWORK, path)
    return path


@pytest.fixture
def package(saved, tmp_path):
    return Path(shutil.copytree(saved, tmp_path / "network.mlpackage"))


def save(program, path, target=ct.target.iOS17):
    with quiet():
        ct.convert(program, minimum_deployment_target=target, compute_precision=ct.precision.FLOAT32,
                   skip_model_load=True).save(str(path))  # fmt: skip


def change(package, edit):
    """``edit`` is given the model and its block."""
    file = package / DATA / "model.mlmodel"
    model = Model_pb2.Model()
    model.ParseFromString(file.read_bytes())
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    edit(model, block)
    file.write_bytes(model.SerializeToString())


def operation(block, kind):
    return next(one for one in block.operations if one.type == kind)


def constant(block, kind, argument):
    """The operation that holds an argument."""
    name = operation(block, kind).inputs[argument].arguments[0].name
    return next(one for one in block.operations if one.outputs[0].name == name)


def refused(package, inputs=None):
    with pytest.raises(UserError) as error:
        program = load(package)
        given = {name: np.zeros(kind.shape, kind.dtype) for name, kind in program.inputs.items()}
        program.predict(given if inputs is None else inputs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_network_runs_before_it_is_broken(package):
    found = load(package).predict({"x": np.ones((1, 3, 8, 8), np.float32)})
    assert found["y"].shape == (1, 4) and np.isclose(found["y"].sum(), 1)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/dev/zero", "../../../etc/passwd", "com.apple.CoreML", "\0", "x" * 5000, 7, None, [], {}]
)
def test_a_manifest_that_names_anything_but_a_file_of_the_package_is_refused(package, path):
    manifest = package / "Manifest.json"
    content = json.loads(manifest.read_text())
    content["itemInfoEntries"][content["rootModelIdentifier"]]["path"] = path
    manifest.write_text(json.dumps(content))
    assert any(word in refused(package) for word in ("lies outside", "names no model", "no Core ML package"))


@pytest.mark.parametrize("content", ["[" * 100_000, "{}", "null", "\0", '{"rootModelIdentifier": {}}'])
def test_a_manifest_of_another_kind_is_refused(package, content):
    (package / "Manifest.json").write_text(content)
    assert "names no model" in refused(package)


@pytest.mark.parametrize("file", ["Manifest.json", DATA / "model.mlmodel", DATA / "weights" / "weight.bin"])
def test_links_out_of_the_package_are_refused(package, file):
    (package / file).unlink()
    (package / file).symlink_to("/dev/zero")
    assert "lies outside" in refused(package)


@pytest.mark.parametrize("file", ["Manifest.json", DATA / "model.mlmodel", DATA / "weights" / "weight.bin"])
def test_what_is_no_file_is_refused_and_not_waited_for(package, file):
    (package / file).unlink()
    os.mkfifo(package / file)
    assert "no file" in refused(package)


def test_a_package_without_weights_is_refused(package):
    shutil.rmtree(package / DATA / "weights")
    assert "cannot be read" in refused(package)


def test_a_file_and_an_archive_are_no_package(package, tmp_path):
    for path in (tmp_path / "file.mlpackage", tmp_path / "zip.mlpackage"):
        path.write_bytes(b"x")
        if path.stem == "zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.write(package / "Manifest.json", "Manifest.json")
        assert "no Core ML package" in refused(path)


def test_a_pipeline_is_refused(package):
    change(package, lambda model, block: model.pipeline.SetInParent())
    assert "a model of type pipeline; only ML programs" in refused(package)


@pytest.mark.parametrize(
    "edit",
    [
        lambda model: setattr(model.description.input[0], "name", "other"),
        lambda model: setattr(model.description.output[0], "name", "other"),
        lambda model: model.description.input[0].type.multiArrayType.shape.append(1),
        lambda model: setattr(model.description.input[0].type.multiArrayType, "dataType", 131104),
        lambda model: setattr(model.description.output[0].type.multiArrayType, "dataType", 65552),
        lambda model: model.description.output.add(name="more"),
        lambda model: model.description.state.add(name="more"),
        lambda model: model.description.ClearField("input"),
        lambda model: setattr(model.description.input[0].type.imageType, "colorSpace", 20),
    ],
)
def test_a_description_that_says_other_than_its_program_is_refused(package, edit):
    change(package, lambda model, block: edit(model))
    assert "describes" in (text := refused(package)) or "described otherwise" in text


def test_an_output_that_only_the_program_lists_twice_is_refused(package):
    change(package, lambda model, block: block.outputs.append("y"))
    assert "describes outputs ['y']" in refused(package)


@pytest.mark.parametrize(
    ("kind", "argument", "values", "message"),
    [
        ("conv", "groups", [0], "0 groups"),
        ("conv", "groups", [-1], "-1 groups"),
        ("conv", "strides", [0, 1], "steps of [0, 1]"),
        ("conv", "pad", [-1, 1, 1, 1], "padding of"),
        ("conv", "pad", [2**31 - 1] * 4, "has more than"),
        ("conv", "pad", [1, 1, 1], "conv"),
        ("avg_pool", "kernel_sizes", [0, 2], "steps of [0, 2]"),
        ("avg_pool", "kernel_sizes", [2**31 - 1, 2], "avg_pool"),
        ("tile", "reps", [1, 1, 2**31 - 1, 2**31 - 1], "has more than"),
        ("tile", "reps", [1, 1, -2, -2], "fewer than none"),
        ("reduce_mean", "axes", [2, 9], "reduce_mean"),
        ("reduce_mean", "axes", [2, 2], "reduce_mean"),
        ("softmax", "axis", [5], "softmax"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(package, kind, argument, values, message):
    def edit(model, block):
        owner = constant(block, kind, argument)
        value = owner.attributes["val"]
        value.immediateValue.tensor.ints.values[:] = values
        for dimension in value.type.tensorType.dimensions:
            dimension.constant.size = len(values)
        owner.outputs[0].type.CopyFrom(value.type)

    change(package, edit)
    assert message in refused(package)


def test_a_text_in_place_of_a_tensor_and_a_tensor_in_place_of_a_text_are_refused(package):
    def text(model, block):
        operation(block, "softmax").inputs["x"].CopyFrom(operation(block, "conv").inputs["pad_type"])

    def tensor(model, block):
        operation(block, "conv").inputs["pad_type"].CopyFrom(operation(block, "conv").inputs["pad"])

    for edit in (text, tensor):
        copy = Path(shutil.copytree(package, package.with_name(f"{edit.__name__}.mlpackage")))
        change(copy, edit)
        refused(copy)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda tensor: setattr(tensor, "rank", 3), "4 axes where 3 are declared"),
        (lambda tensor: setattr(tensor, "rank", -1), "4 axes where -1 are declared"),
        (lambda tensor: setattr(tensor.dimensions[0].constant, "size", 2**64 - 1), "has more than"),
        (lambda tensor: setattr(tensor.dimensions[0].constant, "size", 0), "where the program says"),
        (lambda tensor: setattr(tensor, "dataType", 21), "where the program says"),
        (lambda tensor: setattr(tensor, "dataType", 12), "float64"),
    ],
)
def test_types_that_lie_are_refused(package, edit, message):
    change(package, lambda model, block: edit(operation(block, "conv").outputs[0].type.tensorType))
    assert message in refused(package) or "is not understood" in refused(package)


def test_a_constant_whose_value_is_of_another_type_than_declared_is_refused(package):
    def edit(model, block):
        constant(block, "conv", "weight").outputs[0].type.tensorType.dimensions[0].constant.size = 8

    change(package, edit)
    assert "its value is" in refused(package)


def test_an_operator_younger_than_its_functions_operators_is_refused(package):
    def edit(model, block):
        operation(block, "softmax").type = "slice_update"

    change(package, edit)
    assert "slice_update: an operator of a later specification" in refused(package)


def test_operators_of_a_later_set_than_the_specification_are_refused(package):
    change(package, lambda model, block: setattr(model, "specificationVersion", 6))
    assert "operator set 'CoreML7' in specification version 6" in refused(package)


def test_integers_that_no_processor_divides_do_not_end_the_process():
    least, minus = torch.tensor([-(2**31)], dtype=torch.int32), torch.tensor([-1], dtype=torch.int32)
    for kind in ("real_div", "floor_div", "mod"):
        assert OPERATORS[kind](x=least, y=minus).dtype == torch.int32


def test_a_loop_that_never_ends_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(interpreter, "ROUNDS", 100)

    @mb.program(input_specs=[mb.TensorSpec(shape=(1,)), mb.TensorSpec(shape=(1,))], opset_version=ct.target.iOS17)
    def program(a, b):
        def goes_on(a, b):
            return mb.less(x=a, y=b)

        def body(a, b):
            return mb.add(x=a, y=np.float32(1)), b

        return mb.while_loop(_cond=goes_on, _body=body, loop_vars=(a, b))[0]

    save(program, tmp_path / "loop.mlpackage")
    ran = load(tmp_path / "loop.mlpackage")
    a, b = np.zeros(1, np.float32), np.full(1, 50, np.float32)
    assert next(iter(ran.predict({"a": a, "b": b}).values())) == 50
    with pytest.raises(UserError, match="more than 100 rounds"):
        ran.predict({"a": a, "b": b + 60})


def test_results_that_do_not_fit_in_memory_together_are_refused(package, monkeypatch):
    monkeypatch.setattr(interpreter, "TOGETHER", 4 * 8 * 8 + 4 * 4 * 4)
    load(package)
    monkeypatch.setattr(interpreter, "TOGETHER", 4 * 8 * 8 + 4 * 4 * 4 - 1)
    assert "elements are held at one time" in refused(package)


def test_blocks_that_do_not_fit_their_operator_are_refused(tmp_path):
    specs = [mb.TensorSpec(shape=(1,)), mb.TensorSpec(shape=(1,))]

    @mb.program(input_specs=specs, opset_version=ct.target.iOS17)
    def program(a, b):
        above = mb.squeeze(x=mb.greater(x=a, y=np.float32(0)))
        return mb.cond(pred=above, _true_fn=lambda: mb.add(x=b, y=np.float32(1)), _false_fn=lambda: mb.relu(x=b))

    def edits(condition):
        yield lambda: condition.blocks[0].outputs.append(condition.blocks[0].outputs[0])
        yield lambda: condition.blocks[0].outputs.__setitem__(0, "nothing")
        yield lambda: condition.blocks.pop()
        yield lambda: setattr(condition, "type", "while_loop")
        yield lambda: setattr(condition, "type", "relu")
        yield lambda: condition.blocks[1].inputs.add(name="more").type.CopyFrom(condition.outputs[0].type)

    path = tmp_path / "cond.mlpackage"
    save(program, path)
    for a, expected in ((-1, 0), (1, -2)):
        given = {"a": np.full(1, a, np.float32), "b": np.full(1, -3, np.float32)}
        assert next(iter(load(path).predict(given).values())) == expected
    for number in range(6):
        copy = Path(shutil.copytree(path, tmp_path / f"{number}.mlpackage"))
        change(copy, lambda model, block: list(edits(operation(block, "cond")))[number]())  # noqa: B023
        refused(copy)
