"""Images and labels: the demo's *signs in scenes* and a user's own class folders."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gfnet_mobile.data.scenes import sign_scenes as sign_scenes

__all__ = ["sign_scenes"]


def __getattr__(name: str) -> Any:
    if name != "sign_scenes":
        raise AttributeError(f"module 'gfnet_mobile.data' has no attribute {name!r}")
    # on first use: class folders need no scikit-learn
    from gfnet_mobile.data.scenes import sign_scenes

    return sign_scenes
