"""Normalisation."""

from torch import Tensor
from torch.nn import functional

from gfnet_mobile.mlprogram.ops.sizes import axis_of
from gfnet_mobile.mlprogram.ops.table import operator


@operator
def batch_norm(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: Tensor | float = 1e-5,
) -> Tensor:
    return functional.batch_norm(x, mean, variance, gamma, beta, eps=float(epsilon))


@operator
def instance_norm(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, epsilon: Tensor | float = 1e-5
) -> Tensor:
    """``x`` [B, C, *D], over D; ``gamma`` and ``beta`` [C]."""
    shape = [-1, *[1] * (x.ndim - 2)]
    found = _normalised(x, list(range(2, x.ndim)), epsilon)
    found = found if gamma is None else found * gamma.reshape(shape)
    return found if beta is None else found + beta.reshape(shape)


@operator
def layer_norm(
    x: Tensor,
    axes: Tensor | None = None,
    gamma: Tensor | None = None,
    beta: Tensor | None = None,
    epsilon: Tensor | float = 1e-5,
) -> Tensor:
    """``gamma`` and ``beta`` have the extents of ``axes``."""
    over = list(range(x.ndim)) if axes is None else [axis_of(axis, x.ndim) for axis in axes.tolist()]

    def along(values: Tensor) -> Tensor:
        """In the order of the axes of ``x``."""
        sorted_ = values.permute(sorted(range(len(over)), key=over.__getitem__))
        return sorted_.reshape([extent if axis in over else 1 for axis, extent in enumerate(x.shape)])

    found = _normalised(x, over, epsilon)
    found = found if gamma is None else found * along(gamma)
    return found if beta is None else found + along(beta)


@operator
def l2_norm(x: Tensor, epsilon: Tensor | float = 1e-6) -> Tensor:
    """Over the last three axes."""
    return x / (x.square().sum([-3, -2, -1], keepdim=True) + epsilon).sqrt()


@operator
def local_response_norm(
    x: Tensor, size: Tensor, alpha: Tensor | float = 1e-4, beta: Tensor | float = 0.75, k: Tensor | float = 1.0
) -> Tensor:
    """Over as many channels before as after, so that an even ``size`` sees one fewer, but divides by ``size``."""
    odd = min((int(size) - 1) // 2, x.shape[1]) * 2 + 1
    return functional.local_response_norm(x, odd, float(alpha) * odd / int(size), float(beta), float(k))


def _normalised(x: Tensor, axes: list[int], epsilon: Tensor | float) -> Tensor:
    centred = x - x.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True) + epsilon).sqrt()
