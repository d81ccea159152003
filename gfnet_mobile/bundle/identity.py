"""What makes two bundles the same network.

``bundle_id`` is the SHA-256 of the canonical JSON (keys sorted, no white space, ASCII, integers and strings only) of
the program, the preprocessing and the graphs' content. Rules, labels, tolerances, file names and the random identifiers
in a Core ML package's ``Manifest.json`` do not count: recalibrating or renaming a bundle keeps its identity.
"""

import hashlib
import json

from gfnet_mobile.bundle.manifest import Manifest


def bundle_id(manifest: Manifest) -> str:
    """The identity that follows from a manifest's content (whatever its ``bundle_id`` field says)."""
    identity = {
        "preprocessing": manifest.preprocessing.model_dump(mode="json"),
        "registers": {name: r.model_dump(mode="json") for name, r in manifest.registers.items()},
        "steps": [step.model_dump(mode="json") for step in manifest.steps],
        "targets": {
            name: {
                graph: {
                    "entry": file.entry,
                    "inputs": file.inputs,
                    "outputs": file.outputs,
                    "names": file.names,
                    "content": _content(manifest, file.path),
                }
                for graph, file in target.graphs.items()
            }
            for name, target in manifest.targets.items()
        },
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _content(manifest: Manifest, path: str) -> dict[str, str]:
    files = manifest.files_of(path)
    return {name: entry.sha256 for name, entry in files.items() if name != "Manifest.json"}
