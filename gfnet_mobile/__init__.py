"""Glance-and-focus networks on phones: train, export, run and measure.

bundle = gfnet_mobile.open_bundle("demo.gfnet")
with gfnet_mobile.Session(bundle) as session:
    for step in session.steps("photo.jpg"):
        print(step.name, step.confidence)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gfnet_mobile.errors import UserError

if TYPE_CHECKING:
    from gfnet_mobile.bundle.store import open_bundle as open_bundle
    from gfnet_mobile.host.session import Session as Session
    from gfnet_mobile.models.checkpoint import load_checkpoint as load_checkpoint

__version__ = "0.1.0"

_HOMES = {  # loaded on first use: `load_checkpoint` brings torch with it, and nothing else may
    "open_bundle": "gfnet_mobile.bundle.store",
    "Session": "gfnet_mobile.host.session",
    "load_checkpoint": "gfnet_mobile.models.checkpoint",
}

__all__ = ["Session", "__version__", "load_checkpoint", "open_bundle"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gfnet_mobile' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if name != "load_checkpoint":
            raise
        raise UserError(f"load_checkpoint needs {error.name}: pip install 'gfnet-mobile[export]'") from error
