"""What of a bundle a device needs, and what its folder there is called."""

import posixpath
from pathlib import Path

from gfnet_mobile.bundle.store import MANIFEST, Bundle


def folder_of(bundle: Bundle) -> str:
    """Its name there: two bundles of one name are two, and a bundle that was renamed is still there."""
    return f"{bundle.manifest.bundle_id[:16]}.gfnet"


def bundle_files(bundle: Bundle, target: str) -> dict[str, Path]:
    """Place in the server's folder → file, of what a server for ``target`` needs; the manifest is the first. Raises
    UserError unless the files are those that were exported."""
    bundle.check_files(target)
    bundle.check_golden()
    manifest, inside = bundle.manifest, [MANIFEST, bundle.manifest.golden.path]
    for path in dict.fromkeys(graph.path for graph in bundle.target(target).graphs.values()):
        inside += [posixpath.join(path, name) if name else path for name in manifest.files_of(path)]
    return {f"bundles/{folder_of(bundle)}/{name}": bundle.path(name) for name in inside}
