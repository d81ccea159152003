"""A bundle on disk: a folder with ``manifest.json`` and the files it lists. What is opened is checked first.

Opening reads the manifest, follows every rule in it and finds every file inside the folder. Content (SHA-256) is
checked when it is needed: a target's graphs before a runtime loads them, golden vectors before they are read.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gfnet_mobile.bundle.identity import bundle_id
from gfnet_mobile.bundle.manifest import SCHEMA_VERSION, ExitRule, GraphFile, Manifest, Target
from gfnet_mobile.errors import UserError, first_problem
from gfnet_mobile.files import replacing, sha256

MANIFEST = "manifest.json"
LARGEST_MANIFEST = 16_000_000
"""bytes"""


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: its folder and its program."""

    folder: Path
    manifest: Manifest

    def target(self, name: str) -> Target:
        if name not in self.manifest.targets:
            raise UserError(f"{self.folder}: no target {name!r}; the bundle has {', '.join(self.manifest.targets)}")
        return self.manifest.targets[name]

    def path(self, name: str) -> Path:
        """Where a file or package of the manifest lies."""
        return self.folder / name

    def check_files(self, target: str) -> None:
        """Raise UserError unless the files of all graphs of ``target`` are those that were exported."""
        graphs: Iterable[GraphFile] = self.target(target).graphs.values()
        self.check(path for path in dict.fromkeys(graph.path for graph in graphs))

    def check_golden(self) -> None:
        """Raise UserError unless the golden vectors are those that were exported."""
        self.check([self.manifest.golden.path])

    def check(self, paths: Iterable[str]) -> None:
        """Compare size and SHA-256 of files or packages with the manifest."""
        for path in paths:
            for name, entry in self.manifest.files_of(path).items():
                file = self.path(path) / name if name else self.path(path)
                try:
                    same = file.stat().st_size == entry.bytes and sha256(file) == entry.sha256
                except OSError as error:
                    raise UserError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}") from error
                if not same:
                    raise UserError(f"{file}: is not the file that was exported (its SHA-256 differs); export again")


def open_bundle(path: str | Path) -> Bundle:
    """Read and check ``path/manifest.json``. Raises UserError, one line, for whatever is wrong with it."""
    folder = Path(path)
    file = folder / MANIFEST
    if not folder.exists():
        raise UserError(f"{folder}: no such bundle")
    if not file.is_file():
        raise UserError(f"{folder}: is no bundle: it has no {MANIFEST}")
    try:
        text = file.read_bytes() if file.stat().st_size <= LARGEST_MANIFEST else None
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}") from error
    if text is None:
        raise UserError(f"{file}: larger than {LARGEST_MANIFEST} bytes, so no manifest")
    try:
        # strict: what one language would convert kindly ("1" for 1), another would refuse
        manifest = Manifest.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise UserError(f"{file}: {_first_problem(error)}") from error
    _check_places(folder, manifest)
    if manifest.bundle_id != bundle_id(manifest):
        raise UserError(f"{file}: bundle_id does not follow from the content; export again")
    return Bundle(folder, manifest)


def write_manifest(folder: Path, draft: dict[str, Any]) -> Manifest:
    """Finish a bundle: list and hash all files in ``folder``, derive the identity, write ``manifest.json``.

    ``draft`` holds every other field of `Manifest`; ``schema_version``, ``files`` and ``bundle_id`` are set here.
    """
    files = {
        file.relative_to(folder).as_posix(): {"sha256": sha256(file), "bytes": file.stat().st_size}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / MANIFEST
    }
    manifest = _checked(folder, {**draft, "schema_version": SCHEMA_VERSION, "files": files, "bundle_id": "0" * 64})
    manifest = manifest.model_copy(update={"bundle_id": bundle_id(manifest)})
    _save(folder, manifest)
    return manifest


def with_rules(bundle: Bundle, target: str, rules: Mapping[str, ExitRule], default: str | None = None) -> Bundle:
    """``bundle`` with exit rules for ``target``, and ``default`` as its default rule if it is given. It stays the same
    network: only the manifest is written anew.

    Other targets get the thresholds, without what belongs to the device, where ``target`` is not compressed or the
    bundle has no rule of that name yet.
    """
    draft = bundle.manifest.model_dump()
    for name, rule in rules.items():
        draft["targets"][target]["rules"][name] = rule.model_dump()
        if bundle.target(target).exact or name not in draft["rules"]:
            draft["rules"][name] = rule.anywhere.model_dump()
    manifest = _checked(bundle.folder, {**draft, "default_rule": default or draft["default_rule"]})
    _save(bundle.folder, manifest)
    return Bundle(bundle.folder, manifest)


def _checked(folder: Path, draft: dict[str, Any]) -> Manifest:
    try:
        return Manifest.model_validate(draft)
    except ValidationError as error:
        raise UserError(f"{folder / MANIFEST}: {_first_problem(error)}") from error


def _save(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(manifest.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(folder / MANIFEST) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _check_places(folder: Path, manifest: Manifest) -> None:
    """Every listed file is there, and inside: a symbolic link may not lead out of the bundle."""
    root = os.path.realpath(folder)
    for name in manifest.files:
        place = os.path.realpath(folder / name)
        if os.path.commonpath([root, place]) != root:
            raise UserError(f"{folder / name}: a link that leaves the bundle")
        if not os.path.isfile(place):
            raise UserError(f"{folder / name}: missing, though the manifest lists it; export again")


def _first_problem(error: ValidationError) -> str:
    """One line: that the version is from the future, before all else."""
    for problem in error.errors(include_url=False):
        version = problem["input"]
        if problem["loc"] == ("schema_version",) and isinstance(version, int) and version > SCHEMA_VERSION:
            return f"made by a newer gfnet-mobile (schema_version {version}): update it"
    return first_problem(error)
