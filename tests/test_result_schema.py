"""The published JSON Schema of results is that of the code, and results follow it."""

import json
from pathlib import Path

import jsonschema

from gfnet_mobile.measure.bench import bench
from gfnet_mobile.measure.results import json_schema

PUBLISHED = json.loads((Path(__file__).parents[1] / "docs" / "result.schema.json").read_text())


def test_the_published_schema_is_up_to_date():
    """``python -m gfnet_mobile.measure.results > docs/result.schema.json`` renews it."""
    assert json_schema() == PUBLISHED


def test_results_follow_the_published_schema(recurrent_bundle):
    for result in bench(recurrent_bundle, ["onnx"], rounds=1, warmup=0):
        jsonschema.validate(json.loads(result.model_dump_json()), PUBLISHED)
