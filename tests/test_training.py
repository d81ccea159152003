"""Training: the three stages on a folder of small pictures, stopping and going on, starting from other weights."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from rich.console import Console

from gfnet_mobile.cli.app import main
from gfnet_mobile.errors import UserError
from gfnet_mobile.files import sha256
from gfnet_mobile.models.checkpoint import load_checkpoint, read_checkpoint
from gfnet_mobile.models.network import GlanceFocusNet
from gfnet_mobile.training import run as training_run
from gfnet_mobile.training.defaults import folder_recipe
from gfnet_mobile.training.encoders import EncoderTraining
from gfnet_mobile.training.ppo import _discounted
from gfnet_mobile.training.pretrained import start_from
from gfnet_mobile.training.recipe import EncoderStage, PolicyStage, read_recipe
from gfnet_mobile.training.run import train
from gfnet_mobile.training.static import static_recipe, train_static
from gfnet_mobile.training.value_map import ValueMapTraining

SHAPES = ("disc", "frame", "stripes")


def _picture(random: np.random.Generator, shape: str) -> Image.Image:
    picture = Image.fromarray(random.integers(0, 90, (64, 64, 3), dtype=np.uint8))
    draw = ImageDraw.Draw(picture)
    row, column = (int(v) for v in random.integers(0, 36, 2))
    box = (column, row, column + 26, row + 26)
    if shape == "disc":
        draw.ellipse(box, fill=(250, 240, 60))
    elif shape == "frame":
        draw.rectangle(box, outline=(60, 240, 250), width=4)
    else:
        for offset in range(0, 26, 8):
            draw.line((column, row + offset, column + 26, row + offset), fill=(250, 80, 250), width=3)
    return picture


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A few hundred pictures of three classes, 64 pixels wide, in class folders."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for split, count in (("train", 80), ("val", 20)):
        for shape in SHAPES:
            (folder / split / shape).mkdir(parents=True)
            for number in range(count):
                _picture(random, shape).save(folder / split / shape / f"{number}.png")
    return folder


def _recipe(photos, policy="value_map", epochs=10.0):
    recipe = folder_recipe(
        photos, name="shapes", backbone="gfnet_tiny", image=64, patch=32, steps=3, epochs=epochs, batch=24,
        policy=policy, seed=0,
    )  # fmt: skip
    return recipe.model_copy(update={"data": recipe.data.model_copy(update={"workers": 0})})


def _cut(recipe):
    """The same with a glance that is cut where its state is fine enough for the map."""
    encoder = recipe.model.glance_encoder.model_copy(update={"reduction": 8})
    return recipe.model_copy(update={"model": recipe.model.model_copy(update={"glance_encoder": encoder})})


def _train(recipe, folder, pretrained=None):
    return train(recipe, folder, folder / "cache", pretrained, Console(file=io.StringIO()))


def _validation(folder):
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [entry["validation"] for entry in entries if "validation" in entry]


@pytest.mark.parametrize("policy", ["value_map", "gru"])
def test_three_stages_learn_a_few_hundred_pictures(photos, tmp_path, policy):
    checkpoint = _train(_recipe(photos, policy), tmp_path)
    stages = _validation(tmp_path)
    assert len(stages) == 3
    assert stages[-1][-1] >= 0.8
    read = read_checkpoint(checkpoint)
    assert read.model.config.labels == SHAPES
    assert read.rules["default"].calibration is not None


def test_a_glance_that_is_cut_learns_too(photos, tmp_path):
    model = load_checkpoint(_train(_cut(_recipe(photos)), tmp_path))
    assert model.glance.state_shape[1:] == (4, 4)
    assert _validation(tmp_path)[-1][-1] >= 0.8


def test_static_networks_see_as_many_images_as_all_stages_and_the_best_learning_rate_is_kept(photos, tmp_path):
    dynamic, console = _recipe(photos, epochs=6.0), Console(file=io.StringIO())
    views = [static_recipe(dynamic, size).stages[0].views for size in (48, 64)]
    assert views == [sum(stage.views for stage in dynamic.stages)] * 2
    (kept,) = train_static(dynamic, [48], tmp_path, tmp_path / "cache", None, console)
    model = load_checkpoint(kept)
    assert model.policy is None and model.focus is None
    assert (model.config.image, model.config.labels) == (48, SHAPES)
    runs = {folder: _validation(folder)[-1][-1] for folder in tmp_path.glob("static-48-lr-*")}
    assert len(runs) == 3 and max(runs.values()) >= 0.7
    best = max(runs, key=runs.__getitem__)
    assert sha256(kept) in {sha256(folder / kept.name) for folder, share in runs.items() if share == runs[best]}


def test_a_static_network_has_the_backbone_that_reads_patches_whole(photos):
    model = static_recipe(_cut(_recipe(photos)), 64).model
    assert model.glance_encoder == _recipe(photos).model.focus_encoder


def test_a_static_recipe_has_no_static_network_to_compare_with(photos):
    with pytest.raises(UserError, match="is a static network's already; leave --static out"):
        static_recipe(static_recipe(_recipe(photos), 64), 64)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--steps", "1"], "--steps 1: is a static network; give --static"),
        (["--sizes", "64"], "--sizes: is for --static"),
        (["--static", "--sizes", "64,big"], "--sizes 64,big: one number or several"),
    ],
)
def test_options_that_do_not_go_together_are_refused(photos, tmp_path, options, message, capsys):
    assert main(["train", "--data", str(photos), "--output", str(tmp_path / "run"), *options]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


class _Stopped(Exception):
    pass


def test_a_stopped_run_goes_on_where_it_was_saved_and_ends_like_an_unstopped_one(photos, tmp_path, monkeypatch):
    recipe = _recipe(photos, epochs=2.0)
    whole = load_checkpoint(_train(recipe, tmp_path / "whole"))
    monkeypatch.setattr(training_run, "SAVE_SECONDS", -1.0)
    real, seen = EncoderTraining.step, []

    def step(self, x, labels):
        if len(seen) == 9:
            raise _Stopped
        seen.append(1)
        return real(self, x, labels)

    monkeypatch.setattr(EncoderTraining, "step", step)
    with pytest.raises(_Stopped):
        _train(recipe, tmp_path / "parts")
    state = torch.load(tmp_path / "parts" / "state.pt", weights_only=True)
    assert (state["stage"], state["batch"]) == (2, 3)
    monkeypatch.setattr(EncoderTraining, "step", real)
    parts = load_checkpoint(_train(recipe, tmp_path / "parts"))
    assert parts.state_dict().keys() == whole.state_dict().keys()
    # pictures are augmented at random in between, so weights differ; what was trained does not
    assert len(_validation(tmp_path / "parts")) == 3


def test_a_folder_with_another_run_is_left_alone(photos, tmp_path):
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(UserError, match="another recipe"):
        _train(_recipe(photos), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["recipe.json"]


def test_encoders_start_from_a_static_network_of_the_same_backbone(photos):
    static = GlanceFocusNet(static_recipe(_recipe(photos), 64).model)
    with torch.no_grad():
        for parameter in static.parameters():
            parameter.fill_(0.125)
    dynamic = GlanceFocusNet(_recipe(photos).model)
    from safetensors.torch import save_file

    weights = photos / "weights.safetensors"
    save_file({k.removeprefix("glance.backbone."): v for k, v in static.state_dict().items()}, weights)
    assert start_from(dynamic, str(weights)).endswith("glance, focus, the value map's trunk")
    for encoder in (dynamic.glance, dynamic.focus, dynamic.policy.trunk):
        assert all((parameter == 0.125).all() for parameter in encoder.parameters())


def test_a_pickle_that_runs_code_is_refused_and_runs_none(photos, tmp_path):
    marker = tmp_path / "ran"

    class Code:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    torch.save({"state_dict": {"a": Code()}}, tmp_path / "evil.pth")
    with pytest.raises(UserError, match="no weights"):
        start_from(GlanceFocusNet(_recipe(photos).model), str(tmp_path / "evil.pth"))
    assert not marker.exists()


def test_weights_of_another_backbone_name_the_tensor(photos, tmp_path):
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match=r"no tensor 'backbone\.stem"):
        start_from(GlanceFocusNet(_recipe(photos).model), str(tmp_path / "other.pth"))


def test_the_policy_stays_fixed_while_encoders_are_fine_tuned(photos):
    model = GlanceFocusNet(_recipe(photos).model)
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    EncoderTraining(model, EncoderStage(patches="policy", views=8)).step(torch.randn(8, 3, 64, 64), torch.arange(8) % 3)
    assert all(torch.equal(value, before[name]) for name, value in model.policy.state_dict().items())


def test_a_glance_that_gives_the_map_learns_with_it_and_stays_fixed_with_it(photos):
    model, x, labels = GlanceFocusNet(_cut(_recipe(photos)).model), torch.randn(8, 3, 64, 64), torch.arange(8) % 3

    def changed(training):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        training.step(x, labels)
        now = model.state_dict().items()
        return {name.split(".")[0] for name, value in now if not torch.equal(value, before[name])}

    assert changed(ValueMapTraining(model, PolicyStage(views=8))) == {"glance", "policy"}
    assert changed(EncoderTraining(model, EncoderStage(patches="policy", views=8))) == {"focus", "head"}
    assert changed(EncoderTraining(model, EncoderStage(patches="random", views=8))) == {"glance", "focus", "head"}


def test_returns_discount_later_rewards():
    rewards = torch.tensor([[1.0], [0.0], [2.0]])
    assert _discounted(rewards).flatten().tolist() == pytest.approx([1 + 0.7 * 0.7 * 2, 0.7 * 2, 2.0])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("nonsense [", "not TOML"),
        ("", "model"),
        ('seed = 1\n[model]\nname = "x"\n', "model"),
    ],
)
def test_a_bad_recipe_says_where(tmp_path, change, complaint):
    file = tmp_path / "recipe.toml"
    file.write_text(change)
    with pytest.raises(UserError, match=complaint):
        read_recipe(file)


def test_folders_without_classes_or_with_other_ones_in_val_are_refused(tmp_path):
    for name in ("train/a", "train/b", "val/a", "val/c"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name / "x.png")
    with pytest.raises(UserError, match="do not hold the same class folders"):
        _recipe(tmp_path)
    with pytest.raises(UserError, match="no such folder"):
        _recipe(tmp_path / "nowhere")
