"""One small function per operator: its arguments have the names of Apple's operator reference, defaults included.

Tensors come as torch tensors, text as str, lists as lists of those. An argument that a function does not declare is
an error where it is called, so that none goes unread. A new operator is one function with ``@operator`` in the
file of its kind.
"""

from importlib import import_module

from gfnet_mobile.mlprogram.ops.table import OPERATORS, operator

for _kind in (
    "activations",
    "binary",
    "blocks",
    "compression",
    "convolution",
    "indexing",
    "linear",
    "normalisation",
    "padding",
    "pooling",
    "recurrent",
    "reductions",
    "resample",
    "resize",
    "shapes",
    "unary",
    "values",
):
    import_module(f"{__name__}.{_kind}")

__all__ = ["OPERATORS", "operator"]
