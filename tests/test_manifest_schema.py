"""The published JSON Schema is that of the code, and bundles follow it."""

import json
from pathlib import Path

import jsonschema

from gfnet_mobile.bundle.manifest import json_schema

PUBLISHED = json.loads((Path(__file__).parents[1] / "docs" / "manifest.schema.json").read_text())


def test_the_published_schema_is_up_to_date():
    """``python -m gfnet_mobile.bundle.manifest > docs/manifest.schema.json`` renews it."""
    assert json_schema() == PUBLISHED


def test_a_bundle_follows_the_published_schema(recurrent_bundle):
    manifest = json.loads((recurrent_bundle.folder / "manifest.json").read_text())
    jsonschema.validate(manifest, PUBLISHED)
