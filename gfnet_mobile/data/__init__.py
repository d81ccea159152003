"""Images and labels: the demo's *signs in scenes* and a user's own class folders."""

from gfnet_mobile.data.sign_scenes import sign_scenes

__all__ = ["sign_scenes"]
