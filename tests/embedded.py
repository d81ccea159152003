"""Bundles to be embedded: the recurrent one of the conformance suite, with other fields in its manifest."""

import os
import random
import shutil
from pathlib import Path
from typing import Any

import native_bundles

from gfnet_mobile.bundle.store import Bundle, open_bundle, write_manifest


def bundle(folder: Path, tolerance: float = 1e-4, **changes: Any) -> Bundle:
    """A copy below ``folder``, for ExecuTorch. Core ML's graphs are the same files, for what only reads the manifest.
    ``labels`` may be more than its 5 classes, where nothing runs."""
    source = native_bundles.conformance()["recurrent"]
    manifest = {**source.manifest.model_dump(), **changes}
    if manifest["labels"] is not None:
        manifest["registers"]["logits"]["shape"] = (1, len(manifest["labels"]))
    for graph in manifest["targets"]["executorch"]["graphs"].values():
        graph["tolerance"] = tolerance
    manifest["targets"]["coreml"] = manifest["targets"]["executorch"]
    made = shutil.copytree(source.folder, folder / f"{manifest['name']}.gfnet")
    write_manifest(made, manifest)
    return open_bundle(made)


_ODD = (
    "", "default", "self", "init", "Type", "none", "some", "text", "raw value", "all cases", "hash value", "texts",
    "all", "string", "int", "any", "kotlin", "swift", "companion", "entries", "values", "value of", "name", "ordinal",
    "null", "object", "class", "Error", "Double", "Self", "deinit", "crane", "crane", "Crane", "crane 24", "24", "7 up",
    "T-shirt", "don't", "naïve café", "ﬁsh", "İstanbul", "ß", "猫", "हिन्दी", "ǆungla", "ŉ", "😀", "😀 cat", "_", "a_b",
    "a b", "$x ${y} \\(z)", 'say "no" \\', "new\nline", "\u202eleft", "\x00", "\U000e0041",
    "\ufdd0\ufdef\ufffe\U0001ffff", "x" * 300,
)  # fmt: skip
_random = random.Random(os.environ.get("TEST_SEED", "0"))
_LETTERS = [*range(0xD800), *range(0xE000, 0x30000)]
_DRAWN = ("".join(map(chr, _random.choices(_LETTERS, k=_random.randint(1, 3)))) for _ in range(500))
LABELS = (*_ODD, *_DRAWN)
"""what a compiler may stumble on"""
