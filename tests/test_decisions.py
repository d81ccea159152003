"""Where sequences end: in every language as in Python, on logits that are close to a rule's thresholds or tied."""

import subprocess

import native
import numpy as np
import pytest
from lab import swift

from gfnet_mobile.bundle.manifest import ExitRule
from gfnet_mobile.host.exit_rules import confidence, exit_steps


def in_cpp():
    return [str(native.build() / "gfnet-decide")]


def in_swift():
    return swift.command(swift.build() / "gfnet-swift", "decide")


@pytest.mark.parametrize("program", [in_cpp, in_swift])
@pytest.mark.parametrize("measure", ["max_softmax", "margin", "entropy"])
def test_sequences_end_where_the_python_host_ends_them(program, measure):
    draw = np.random.default_rng(len(measure))
    logits = draw.normal(0, draw.choice([0.1, 1, 10, 300], (10_000, 1, 1)), (10_000, 4, 6)).astype(np.float32)
    logits[::7, :, 1] = logits[::7, :, 0]  # ties
    temperature = (1.0, 0.3, 2.5, 1.0)
    sure = confidence(measure, np.array(temperature)[:, None], logits)
    own = sure[draw.integers(0, 10_000, 3), [0, 1, 2]]
    neighbours = np.nextafter(own, np.float32(2)), np.nextafter(own, np.float32(-1))
    for thresholds in (own, *neighbours, [None, 0.5, 0.0], [1.0, None, 1.0]):
        numbers = tuple(None if one is None else min(1.0, max(0.0, float(one))) for one in thresholds)
        rule = ExitRule(measure=measure, temperature=temperature, thresholds=numbers)
        command = [*program(), rule.model_dump_json(), "6"]
        found = subprocess.run(command, input=logits.tobytes(), capture_output=True, check=True).stdout.split()
        found = np.array(found, np.float64).reshape(10_000, 5)
        np.testing.assert_array_equal(found[:, 0], exit_steps(rule, logits))
        np.testing.assert_array_equal(found[:, 1:].astype(np.float32), sure)
