"""What of a bundle a device needs, and what its folder there is called."""

from pathlib import Path

from gfnet_mobile.bundle.store import Bundle


def folder_of(bundle: Bundle) -> str:
    """Its name there: two bundles of one name are two, and a bundle that was renamed is still there."""
    return f"{bundle.manifest.bundle_id[:16]}.gfnet"


def bundle_files(bundle: Bundle, target: str) -> dict[str, Path]:
    """Place in the server's folder → file, of what a server for ``target`` needs; the manifest is the first. Raises
    UserError unless the files are those that were exported."""
    return {f"bundles/{folder_of(bundle)}/{name}": file for name, file in bundle.files_for(target).items()}
