"""One GRU step with its state in plain sight, in operators that every target has (Core ML converts no GRU cell)."""

import torch
from torch import Tensor, nn


class GruCell(nn.Module):
    """``x`` [B, I], ``hidden`` [B, H] → ``hidden`` [B, H]; the equations and parameter layout of ``torch.nn.GRU``.

    Gates stand in the order reset, update, new; the new gate's recurrent bias is inside the reset gate.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.weight_ih = nn.Parameter(torch.empty(3 * hidden, inputs))
        self.weight_hh = nn.Parameter(torch.empty(3 * hidden, hidden))
        self.bias_ih = nn.Parameter(torch.empty(3 * hidden))
        self.bias_hh = nn.Parameter(torch.empty(3 * hidden))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(hidden**-0.5), hidden**-0.5)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        reset_x, update_x, new_x = nn.functional.linear(x, self.weight_ih, self.bias_ih).chunk(3, 1)
        reset_h, update_h, new_h = nn.functional.linear(hidden, self.weight_hh, self.bias_hh).chunk(3, 1)
        reset = torch.sigmoid(reset_x + reset_h)
        update = torch.sigmoid(update_x + update_h)
        new = torch.tanh(new_x + reset * new_h)
        return new + update * (hidden - new)
