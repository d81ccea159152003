"""Recurrent layers. ``x`` [S, B, I] is a sequence of S steps; weights [G * H, I] and [G * H, H] hold H rows for each
of G gates. Results are every hidden state or the last, [S or 1, B, H], and the last, [B, H]. In reverse the first state
given is that of the sequence's last step."""

from collections.abc import Callable

import torch
from torch import Tensor

from gfnet_mobile.mlprogram.ops.sizes import bounded
from gfnet_mobile.mlprogram.ops.table import operator

Step = Callable[[Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]
"""projected input [B, G * H] and state → the next state, hidden first"""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "scaled_tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "sigmoid_hard": lambda x: (0.2 * x + 0.5).clamp(0, 1),
    "relu": torch.relu,
    "linear": lambda x: x,
}
"""with their standard parameters"""


@operator
def rnn(
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: Tensor | bool = False,
    activation: str = "tanh",
) -> tuple[Tensor, Tensor]:
    act = _activation(activation)

    def step(given: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (act(given + state[0] @ weight_hh.mT),)

    hidden, (last,) = _walked(_projected(x, weight_ih, bias), (initial_h,), step, _reverse(direction))
    return hidden if bool(output_sequence) else last[None], last


@operator
def gru(
    x: Tensor,
    initial_h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    direction: str = "forward",
    output_sequence: Tensor | bool = False,
    recurrent_activation: str = "sigmoid",
    activation: str = "tanh",
) -> tuple[Tensor, Tensor]:
    """Gates: reset, output, update. The reset gate meets the hidden state before the matrix does, unlike torch's."""
    gate, act = _activation(recurrent_activation), _activation(activation)
    reset_h, output_h, update_h = (part.mT for part in weight_hh.chunk(3))

    def step(given: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (hidden,) = state
        reset, output, update = given.chunk(3, -1)
        kept = gate(update + hidden @ update_h)
        new = act(output + (gate(reset + hidden @ reset_h) * hidden) @ output_h)
        return ((1 - kept) * new + kept * hidden,)

    hidden, (last,) = _walked(_projected(x, weight_ih, bias), (initial_h,), step, _reverse(direction))
    return hidden if bool(output_sequence) else last[None], last


@operator
def lstm(
    x: Tensor,
    initial_h: Tensor,
    initial_c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor | None = None,
    peephole: Tensor | None = None,
    weight_ih_back: Tensor | None = None,
    weight_hh_back: Tensor | None = None,
    bias_back: Tensor | None = None,
    peephole_back: Tensor | None = None,
    direction: str = "forward",
    output_sequence: Tensor | bool = False,
    recurrent_activation: str = "sigmoid",
    cell_activation: str = "tanh",
    activation: str = "tanh",
    clip: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gates: input, forget, output, cell. Gives the last cell state, too. In both directions, the hidden states of the
    backward one follow those of the forward one, [..., 2 * H]."""
    gate, cell_act, act = (_activation(name) for name in (recurrent_activation, cell_activation, activation))

    def one_way(
        start: tuple[Tensor, Tensor],
        weights: tuple[Tensor, Tensor, Tensor | None, Tensor | None],
        reverse: bool,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        from_input, from_hidden, offset, peep = weights
        peeps = (0.0, 0.0, 0.0) if peep is None else peep.chunk(3)

        def step(given: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            hidden, cell = state
            enter, forget, leave, new = (given + hidden @ from_hidden.mT).chunk(4, -1)
            cell_next = cell * gate(forget + cell * peeps[1]) + gate(enter + cell * peeps[0]) * cell_act(new)
            if clip is not None:
                cell_next = cell_next.clamp(-clip, clip)
            return gate(leave + cell_next * peeps[2]) * act(cell_next), cell_next

        return _walked(_projected(x, from_input, offset), start, step, reverse)

    forward = (weight_ih, weight_hh, bias, peephole)
    if direction != "bidirectional":
        hidden, (last, cell) = one_way((initial_h, initial_c), forward, _reverse(direction))
        return hidden if bool(output_sequence) else last[None], last, cell
    if weight_ih_back is None or weight_hh_back is None:
        raise ValueError("both directions need 'weight_ih_back' and 'weight_hh_back'")
    backward = (weight_ih_back, weight_hh_back, bias_back, peephole_back)
    starts = zip(initial_h.chunk(2, -1), initial_c.chunk(2, -1), strict=True)
    (there, ends), (back, begins) = (
        one_way(start, weights, reverse)
        for start, weights, reverse in zip(starts, (forward, backward), (False, True), strict=True)
    )
    last, cell = (torch.cat(pair, -1) for pair in zip(ends, begins, strict=True))
    return torch.cat([there, back.flip(0)], -1) if bool(output_sequence) else last[None], last, cell


def _projected(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """[S, B, G * H]"""
    bounded(*x.shape[:-1], len(weight))
    return x @ weight.mT if bias is None else x @ weight.mT + bias


def _walked(given: Tensor, state: tuple[Tensor, ...], step: Step, reverse: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Every hidden state in the order in which they came, [S, B, H], and the last state."""
    hidden = []
    for one in given.flip(0) if reverse else given:
        state = step(one, state)
        hidden.append(state[0])
    return torch.stack(hidden), state


def _reverse(direction: str) -> bool:
    """KeyError for a direction that is not known."""
    return {"forward": False, "reverse": True}[direction]


def _activation(name: str) -> Callable[[Tensor], Tensor]:
    """KeyError for one that is not known."""
    return ACTIVATIONS[name.lower()]
