"""Multiply-adds of a network, counted by torch while it runs.

As the paper counts: convolutions and matrix products of encoders, policy and exit head, the resize left out.
"""

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from gfnet_mobile.models.network import GlanceFocusNet


def counted(work: Callable[[], object]) -> int:
    """Multiply-adds of whatever ``work`` computes."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops() // 2  # an add is half of them


def multiply_adds(model: GlanceFocusNet) -> tuple[int, ...]:
    """Of an image that leaves at each step: T numbers that rise."""
    image = torch.zeros(1, 3, model.config.image, model.config.image)
    resize = counted(lambda: model.resize(image))
    totals = []
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        for _ in model.steps(image):
            totals.append(counter.get_total_flops() // 2 - resize)
    return tuple(totals)
