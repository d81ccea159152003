"""What a package may have beside tensors: state, pictures, labels, several functions, outputs that are constants."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gfnet_mobile.errors import UserError
from gfnet_mobile.quiet import quiet

with quiet():
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb

    from gfnet_mobile.mlprogram import load

LABELS = ["ant", "bee", "cat", "dog"]
generator = np.random.default_rng(3)


class Sum(nn.Module):
    """Adds what it is given to what it was given before."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(1, 4))

    def forward(self, x):
        self.total.add_(x)
        return self.total * 2


class Colours(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3)

    def forward(self, x):
        return torch.softmax(self.conv(x).mean((2, 3)) * 10, 1)


def saved(module, example, path, **options):
    with quiet():
        options.setdefault("minimum_deployment_target", ct.target.iOS18)
        traced = torch.jit.trace(module.eval(), example)
        ct.convert(traced, skip_model_load=True, **options).save(str(path))
    return path


def test_state_is_kept_between_predictions_and_rounded_to_float16(tmp_path):
    state = ct.StateType(wrapped_type=ct.TensorType(shape=(1, 4), dtype=np.float16), name="total")
    inputs, outputs = [ct.TensorType(name="x", shape=(1, 4), dtype=np.float16)], [ct.TensorType(name="y")]
    path = saved(Sum(), torch.zeros(1, 4), tmp_path / "sum.mlpackage", inputs=inputs, outputs=outputs, states=[state])
    program = load(path)
    first, other = program.make_state(), program.make_state()
    x = np.array([[1, 2, 3, 1 / 3]], np.float16)
    assert (program.predict({"x": x}, first)["y"] == 2 * x).all()
    assert (program.predict({"x": x}, first)["y"] == 4 * x).all()
    assert (program.predict({"x": x}, other)["y"] == 2 * x).all()
    program.predict({"x": np.full((1, 4), 2**-13, np.float16)}, first)
    assert (first["total"].numpy() == first["total"].half().float().numpy()).all()
    with pytest.raises(UserError, match="keeps a state"):
        program.predict({"x": x})


@pytest.mark.parametrize("layout", ["RGB", "BGR", "GRAYSCALE"])
def test_pictures_are_scaled_and_their_channels_ordered_as_the_package_says(layout, tmp_path):
    channels = 1 if layout == "GRAYSCALE" else 3
    module, pixels = Colours(channels), generator.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    grey = np.asarray(picture.convert("L"))
    bias = 0.5 if channels == 1 else [0.1, 0.2, 0.3]
    colour = getattr(ct.colorlayout, layout)
    image = ct.ImageType(name="image", shape=(1, channels, 8, 9), scale=1 / 128, bias=bias, color_layout=colour)
    precision = ct.precision.FLOAT32
    outputs = [ct.TensorType(name="y")]
    path = saved(module, torch.zeros(1, channels, 8, 9), tmp_path / "colours.mlpackage", inputs=[image],
                 outputs=outputs, compute_precision=precision)  # fmt: skip
    program = load(path)
    planes = grey[None] if channels == 1 else np.moveaxis(pixels if layout == "RGB" else pixels[..., ::-1], -1, 0)
    x = torch.from_numpy(planes[None] / 128 + np.reshape(bias, (1, -1, 1, 1))).float()
    with torch.no_grad():
        expected = module(x).numpy()
    for given in (picture, grey if channels == 1 else pixels):
        assert np.abs(program.predict({"image": given})["y"] - expected).max() < 1e-5
    with pytest.raises(UserError, match="a Pillow image or an array of uint8"):
        program.predict({"image": pixels.astype(np.float64)})
    with pytest.raises(UserError, match="where the program says"):
        program.predict({"image": pixels[:4] if channels == 3 else grey[:4]})


LAYERS = {
    "lstm": nn.LSTM(5, 6, 2, bidirectional=True),
    "gru, a loop": nn.GRU(5, 6, bidirectional=True),
    "rnn": nn.RNN(5, 6),
}


class Sequence(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("target", [ct.target.iOS15, ct.target.iOS17])
def test_recurrent_layers_compute_what_torchs_do(name, target, tmp_path):
    module, x = Sequence(LAYERS[name]), torch.rand(4, 2, 5)
    inputs, outputs = [ct.TensorType(name="x", shape=x.shape)], [ct.TensorType(name="y")]
    path = saved(module, x, tmp_path / "layer.mlpackage", inputs=inputs, outputs=outputs,
                 compute_precision=ct.precision.FLOAT32, minimum_deployment_target=target)  # fmt: skip
    found = load(path).predict({"x": x.numpy()})["y"]
    assert np.abs(found - module(x).detach().numpy()).max() < 1e-5


def test_labels_may_be_numbers(tmp_path):
    module, x = Colours(), torch.rand(1, 3, 8, 8)
    inputs, config = [ct.TensorType(name="x", shape=x.shape, dtype=np.float32)], ct.ClassifierConfig([3, 1, 4, 5])
    path = saved(module, x, tmp_path / "labels.mlpackage", inputs=inputs, classifier_config=config)
    found = load(path).predict({"x": x.numpy()})
    assert list(found["classLabel_probs"]) == [3, 1, 4, 5]
    assert found["classLabel"] == max(found["classLabel_probs"], key=found["classLabel_probs"].get)


@pytest.mark.parametrize("shape", [(1, 3, ct.RangeDim(8, 16), 8), ct.EnumeratedShapes([(1, 3, 8, 8), (1, 3, 9, 9)])])
def test_shapes_that_may_vary_are_refused(shape, tmp_path):
    inputs = [ct.TensorType(name="x", shape=shape, dtype=np.float32)]
    path = saved(Colours(), torch.rand(1, 3, 8, 8), tmp_path / "varying.mlpackage", inputs=inputs)
    with pytest.raises(UserError, match="its shape depends on data"):
        load(path)


def test_an_output_may_be_given_twice(tmp_path):
    class Twice(nn.Module):
        def forward(self, x):
            return (x + 1,) * 2

    path = saved(Twice(), torch.zeros(1, 4), tmp_path / "twice.mlpackage",
                 inputs=[ct.TensorType(name="x", shape=(1, 4), dtype=np.float32)])  # fmt: skip
    assert all((value == 1).all() for value in load(path).predict({"x": np.zeros((1, 4), np.float32)}).values())


def test_a_classifier_gives_the_label_and_all_probabilities(tmp_path):
    module, x = Colours(), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        expected = module(x)[0].numpy()
    inputs, config = [ct.TensorType(name="x", shape=x.shape, dtype=np.float32)], ct.ClassifierConfig(LABELS)
    path = saved(module, x, tmp_path / "labels.mlpackage", inputs=inputs, classifier_config=config)
    found = load(path).predict({"x": x.numpy()})
    assert found["classLabel"] == LABELS[expected.argmax()]
    assert list(found["classLabel_probs"]) == LABELS
    assert np.abs(np.array(list(found["classLabel_probs"].values())) - expected).max() < 2e-3


def test_each_function_of_a_package_is_found_by_its_name(tmp_path):
    modules = {name: nn.Linear(4, 3).eval() for name in ("first", "second")}
    description = ct.utils.MultiFunctionDescriptor()
    for name, module in modules.items():
        inputs, outputs = [ct.TensorType(name="x", shape=(1, 4), dtype=np.float32)], [ct.TensorType(name="y")]
        path = saved(module, torch.zeros(1, 4), tmp_path / f"{name}.mlpackage", inputs=inputs, outputs=outputs,
                     compute_precision=ct.precision.FLOAT32)  # fmt: skip
        description.add_function(str(path), "main", name)
    description.default_function_name = "first"
    with quiet():
        ct.utils.save_multifunction(description, str(tmp_path / "both.mlpackage"))
    x = torch.rand(1, 4)
    for name, module in modules.items():
        found = load(tmp_path / "both.mlpackage", function=name).predict({"x": x.numpy()})
        assert np.abs(found["y"] - module(x).detach().numpy()).max() < 1e-6
    with pytest.raises(UserError, match="no function 'main'; it has first, second"):
        load(tmp_path / "both.mlpackage")


def test_an_output_may_be_a_constant(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec(shape=(2, 3))], opset_version=ct.target.iOS17)
    def program(x):
        return mb.shape(x=x), mb.relu(x=x)

    with quiet():
        model = ct.convert(program, minimum_deployment_target=ct.target.iOS17, skip_model_load=True)
        model.save(str(tmp_path / "constant.mlpackage"))
    found = load(tmp_path / "constant.mlpackage").predict({"x": np.zeros((2, 3), np.float32)})
    assert any(np.array_equal(value, [2, 3]) for value in found.values())


def test_a_shape_larger_than_declared_is_noticed_before_it_is_computed(tmp_path):
    @mb.program(input_specs=[mb.TensorSpec(shape=(1, 1000))], opset_version=ct.target.iOS17)
    def program(x):
        return mb.tile(x=x, reps=[1, 2])

    path = tmp_path / "tile.mlpackage"
    with quiet():
        ct.convert(program, minimum_deployment_target=ct.target.iOS17, skip_model_load=True).save(str(path))
    file = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    model = ct.utils.load_spec(str(path))
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    for operation in block.operations:
        if operation.type == "const" and list(operation.attributes["val"].immediateValue.tensor.ints.values) == [1, 2]:
            operation.attributes["val"].immediateValue.tensor.ints.values[1] = 2**31 - 1
    file.write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=r"tile .*: \[1, 2147483647000\] has more than"):
        load(path)
