"""Is the dynamic network worth its trouble? One sentence, and what it rests on.

The rule to judge is chosen as one would choose it: on the half of the images that rules are found on, the fastest that
reaches the accuracy wanted there. What it does on the other half is what static networks must reach there too, so that
nothing is chosen by the images that decide. *Faster* is said only if the whole interval of the deployable ratio is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gfnet_mobile.calibrate.expectation import Figure
from gfnet_mobile.compare.options import Option
from gfnet_mobile.compare.ratios import ROUNDING, Drawn, Ratio, ratio

SLACK = 0.005
"""below the best accuracy that both kinds reach, where none is asked for: the last tenths cost most"""


@dataclass(frozen=True)
class Verdict:
    kind: Literal["faster", "not faster", "alone", "out of reach"]
    """``alone``: no static network is as accurate; ``out of reach``: the dynamic one is not as accurate as asked"""
    wanted: float
    """accuracy, between 0 and 1, on the half that rules are found on"""
    dynamic: Option | None
    static: Option | None
    """the fastest that is as accurate, if there is one"""
    ratio: Ratio | None
    sentence: str


def verdict(dynamics: Sequence[Option], statics: Sequence[Option], drawn: Drawn, wanted: float | None) -> Verdict:
    """On one dynamic network's options against static ones, at an accuracy ``wanted``, or else `SLACK` below the best
    that both reach."""
    best = [max(one.fitted_accuracy for one in options) for options in (dynamics, statics)]
    level = min(best) - SLACK if wanted is None else wanted
    name = dynamics[0].contender.name
    able = [one for one in dynamics if one.fitted_accuracy >= level - ROUNDING]
    if not able:
        static = _fastest(statics, level)
        use = f"use {_static(static)}" if static else "none of the static networks does either"
        sentence = f"not faster at {level:.1%}: {name} reaches {best[0]:.1%} at most; {use}"
        return Verdict("out of reach", level, None, static, None, sentence)
    dynamic = min(able, key=lambda one: one.fitted_ms)
    accuracy = dynamic.expected.accuracy.value
    found, static = ratio(dynamic, statics, drawn), _fastest(statics, accuracy)
    kind = _kind(found.deployable, static)
    if kind == "faster":
        value, interval = _times(found.deployable)
        sentence = f"{value} faster {interval} at {accuracy:.1%}: {name} against {_static(static)}"
    elif kind == "alone":
        sentence = f"no static network here reaches {accuracy:.1%}; {name} does in {dynamic.mean_ms:.3g} ms"
    else:
        sentence = f"not faster: use {_static(static)}; {name}: {' '.join(_times(found.deployable))} at {accuracy:.1%}"
    return Verdict(kind, level, dynamic, static, found, sentence)


def _kind(found: Figure, static: Option | None) -> Literal["faster", "not faster", "alone"]:
    if static is None:
        return "alone"
    return "faster" if round(found.low, 2) > 1 and found.value > 1 else "not faster"  # as it is printed


def _fastest(statics: Sequence[Option], accuracy: float) -> Option | None:
    able = [one for one in statics if one.expected.accuracy.value >= accuracy - ROUNDING]
    return min(able, key=lambda one: one.mean_ms, default=None)


def _static(option: Option | None) -> str:
    assert option is not None
    return f"the static network {option.contender.name} at {option.contender.size} pixels"


def _times(found: Figure) -> tuple[str, str]:
    high = f"–{found.high:.2f}" if np.isfinite(found.high) else " or more"
    return f"{found.value:.2f}×", f"({found.low:.2f}{high})"
