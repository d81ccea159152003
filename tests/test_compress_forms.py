"""``--compress``: which form each graph of each target gets."""

from types import SimpleNamespace

import pytest

from export.compress import compressions, parsed
from gfnet_mobile.errors import UserError

GRAPHS = ("glance", "policy")
MODULES = {
    "onnx": SimpleNamespace(COMPRESSIONS=("none", "fp16", "int8")),
    "coreml": SimpleNamespace(COMPRESSIONS=("none", "fp16", "int8", "palette6")),
}


def forms(*words):
    return compressions(parsed(words), GRAPHS, MODULES)


def test_a_form_alone_is_for_everything():
    assert forms("int8") == {target: {"glance": "int8", "policy": "int8"} for target in MODULES}


def test_a_target_may_have_a_form_of_its_own():
    assert forms("onnx:int8", "coreml:palette6") == {
        "onnx": {"glance": "int8", "policy": "int8"},
        "coreml": {"glance": "palette6", "policy": "palette6"},
    }


def test_what_is_not_named_stays_as_it_is():
    assert forms("coreml:glance=int8") == {
        "onnx": {"glance": "none", "policy": "none"},
        "coreml": {"glance": "int8", "policy": "none"},
    }


def test_the_nearest_name_counts_whatever_the_order():
    words = ["coreml:policy=none", "policy=fp16", "coreml:palette6", "int8"]
    expected = {"onnx": {"glance": "int8", "policy": "fp16"}, "coreml": {"glance": "palette6", "policy": "none"}}
    assert forms(*words) == forms(*reversed(words)) == expected


def test_a_form_for_everything_need_not_be_known_where_a_nearer_one_is():
    assert forms("palette6", "onnx:int8")["onnx"] == {"glance": "int8", "policy": "int8"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["zip"], "--compress zip: unknown form 'zip'; known are none, fp16"),
        (["onnx:"], "--compress onnx:: unknown form ''"),
        (["glance="], "--compress glance=: unknown form ''"),
        (["onnx:glance:int8"], "target 'onnx:glance' is not exported; onnx, coreml is"),
        (["tflite:int8"], "--compress: target 'tflite' is not exported; onnx, coreml is"),
        ([":int8"], "--compress: target '' is not exported"),
        (["onnx:glanse=int8"], "--compress: no graph 'glanse'; the network has glance, policy"),
        (["=int8", "int8"], "said twice for all graphs"),
        (["onnx:int8", "onnx:fp16"], "said twice for onnx"),
        (["onnx:policy=int8", "onnx:policy=fp16"], "said twice for onnx:policy"),
        (["palette6"], "--compress palette6: target 'onnx' knows none, fp16, int8; --compress onnx:FORM is for it"),
    ],
)
def test_what_is_not_there_is_one_line(words, message):
    with pytest.raises(UserError) as error:
        forms(*words)
    assert message in str(error.value)
