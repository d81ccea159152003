"""Released files of every configuration are recognised and used to the last tensor; bad ones are refused in a line."""

import os

import numpy as np
import published_files
import pytest
import torch

from gfnet_mobile.errors import UserError
from gfnet_mobile.files import sha256
from gfnet_mobile.models.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from gfnet_mobile.published.convert import load_published

SMALL = "mobilenetv3_large_100"


@pytest.fixture(scope="module")
def content():
    return published_files.content_of(SMALL)


@pytest.fixture
def changed(content, tmp_path):
    """Writes the small file with other entries; None removes one."""

    def write(**entries):
        merged = {key: value for key, value in {**content, **entries}.items() if value is not None}
        return published_files.write(merged, tmp_path / "changed.pth.tar")

    return write


@pytest.mark.parametrize("layout", ["released", "train"])
@pytest.mark.parametrize("configuration", published_files.OTHERS)
def test_configurations_without_golden_vectors_load_too(configuration, layout, tmp_path):
    path = published_files.write(published_files.content_of(configuration, layout), tmp_path / "file.pth.tar")
    model = load_published(path).model
    path.unlink()
    manifest = published_files.manifest_of(configuration)
    assert list(model.glance.state_shape) == manifest["state_shape"]
    assert model.config.name == configuration
    assert (model.config.steps, model.config.image) == (manifest["T"], manifest["image_size"])
    with torch.no_grad():
        steps = list(model.steps(torch.from_numpy(published_files.make_checkpoint.images(manifest["image_size"]))))
    assert all(torch.isfinite(step.logits).all() for step in steps)
    assert len({tuple(step.position[0].tolist()) for step in steps[1:]}) > 1


def test_only_what_no_step_reads_is_left_out(changed):
    for configuration in (SMALL, "regnety_600m"):
        manifest = published_files.manifest_of(configuration)
        path = changed(**published_files.content_of(configuration)) if configuration != SMALL else changed()
        entries = published_files.make_checkpoint.ENTRY
        known = {f"{entries[part]}: {name!r}" for part, names in manifest["unused_at_T"].items() for name in names}
        assert set(load_published(path).unused) == known


def test_a_pickle_without_zip_around_it_is_read_as_well(content, tmp_path):
    torch.save(content, tmp_path / "old.pth.tar", _use_new_zipfile_serialization=False)
    published_files.write(content, tmp_path / "new.pth.tar")
    assert read_checkpoint(tmp_path / "old.pth.tar").sha256 == read_checkpoint(tmp_path / "new.pth.tar").sha256


def test_figures_that_numpy_pickled_are_read(changed, content):
    flops = [np.float64(value) for value in content["flops"]]
    assert load_checkpoint(changed(flops=flops)).config.steps == 3
    table = content["dynamic_threshold"].numpy()
    path = changed(anytime_classification=np.float32([70, 72, 74]), flops=np.array(flops), dynamic_threshold=table)
    assert read_checkpoint(path).rules == read_checkpoint(changed()).rules


def test_figures_that_an_older_numpy_pickled_are_read(content, tmp_path):
    path = tmp_path / "old.pth.tar"
    flops = [np.float64(value) for value in content["flops"]]
    torch.save({**content, "flops": flops}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert load_checkpoint(path).config.steps == 3


def test_converting_gives_the_same_bytes_and_the_same_identity(content, changed, tmp_path):
    path = changed()
    source = read_checkpoint(path)
    for name in ("once", "twice"):
        found = load_published(path)
        save_checkpoint(found.model, tmp_path / name, found.rules)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "twice").read_bytes()
    converted = read_checkpoint(tmp_path / "once")
    assert converted.sha256 == source.sha256 == sha256(tmp_path / "once")
    assert converted.rules == source.rules


def test_published_thresholds_become_exit_rules(content, changed):
    rules = read_checkpoint(changed()).rules
    assert set(rules) == {f"published_{number:02d}" for number in range(1, 40)}
    first = rules["published_01"]
    assert first.thresholds == (pytest.approx(39 / 64), None)  # the second was 1e8: nobody leaves there
    assert first.calibration.accuracy == pytest.approx(0.5025)
    best = max(rule.calibration.accuracy for rule in rules.values())
    default = next(iter(rules.values()))
    assert best - default.calibration.accuracy == pytest.approx(0.005)


def test_a_file_of_the_training_script_has_no_rules(tmp_path):
    path = published_files.write(published_files.content_of(SMALL, "train"), tmp_path / "file.pth.tar")
    assert read_checkpoint(path).rules == {}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"model_name": "vgg16"}, "unknown model_name 'vgg16'; known are resnet50, "),
        ({"flops": []}, "'flops' has 0 entries"),
        ({"flops": [1.0] * 9}, "'flops' has 9 entries"),
        ({"flops": 7}, "'flops' has 0 entries"),
        ({"flops": [1.0] * 6}, r"no tensor for 'head\.classifiers\.5\.weight'"),
        ({"patch_size": 100000}, "'patch_size' 100000 must lie between"),
        ({"patch_size": 160}, r"policy: 'state_encoder\.3\.weight' is \[256, 288\], must be \[256, 800\]"),
        ({"patch_size": "96"}, "'patch_size' is of type str"),
        ({"model_name": "resnet50"}, "'fc.weight' is missing"),
        ({"fc": None}, "no GFNet checkpoint, it has no 'fc'"),
        ({"fc": {"fc_2.weight": 3}}, "'fc' must map names to tensors"),
        ({"fc": [1]}, "'fc' must map names to tensors"),
        ({"dynamic_threshold": torch.full((39, 3), torch.nan)}, "'dynamic_threshold' or its accuracies are not finite"),
        ({"budgeted_batch_classification": [1.0]}, r"'budgeted_batch_classification' must be \[costs, accuracies\]"),
        ({"budgeted_batch_classification": 3}, r"'budgeted_batch_classification' must be \[costs, accuracies\]"),
        ({"dynamic_threshold": torch.zeros(39, 7)}, r"'dynamic_threshold' is \[39, 7\], must be \[budgets, 3\]"),
    ],
)
def test_a_file_that_contradicts_itself_says_where(changed, entries, message):
    with pytest.raises(UserError, match=message):
        load_checkpoint(changed(**entries))


def test_a_missing_a_left_over_and_a_misshapen_tensor_are_named(changed, content):
    policy = dict(content["policy"])
    del policy["actor.0.bias"]
    with pytest.raises(UserError, match=r"no tensor for 'policy\.actor\.bias'"):
        load_checkpoint(changed(policy=policy))
    with pytest.raises(UserError, match=r"policy: 'extra\.weight' belongs to no part"):
        load_checkpoint(changed(policy={**content["policy"], "extra.weight": torch.zeros(2)}))
    with pytest.raises(UserError, match=r"policy: 'actor\.0\.bias' is \[3\], must be \[2\]"):
        load_checkpoint(changed(policy={**content["policy"], "actor.0.bias": torch.zeros(3)}))


def test_a_stage_1_file_has_no_policy_yet(tmp_path):
    content = published_files.content_of(SMALL, "train") | {"policy": None}
    with pytest.raises(UserError, match="has no policy yet"):
        load_checkpoint(published_files.write(content, tmp_path / "stage1.pth.tar"))


def test_tensors_of_an_unknown_network_fit_no_configuration(tmp_path):
    content = published_files.content_of(SMALL, "train") | {"model_prime_state_dict": {"conv.weight": torch.zeros(1)}}
    with pytest.raises(UserError, match="names no model, and its tensors fit none of resnet50"):
        load_checkpoint(published_files.write(content, tmp_path / "other.pth.tar"))


def test_code_in_a_file_is_named_and_never_run(changed, tmp_path):
    class Code:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    with pytest.raises(UserError, match=r"refused, it wants to run code \(\w+\.mkdir\)"):
        load_checkpoint(changed(acc=Code()))
    assert not (tmp_path / "ran").exists()


def test_a_truncated_file_is_refused(changed):
    path = changed()
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UserError, match="not a whole file"):
        load_checkpoint(path)
