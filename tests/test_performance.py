"""``docs/performance.md`` is written from ``benchmarks/results``, and every part's program and files are there."""

from pathlib import Path

import pytest

from benchmarks import performance

ROOT = Path(__file__).parents[1]


def test_the_page_is_what_the_results_say():
    assert (ROOT / "docs" / "performance.md").read_text(encoding="utf-8") == performance.page()


@pytest.mark.parametrize("part", performance.PARTS, ids=lambda part: part.name)
def test_a_part_names_a_program_and_files_that_are_there(part):
    program, *arguments = part.command
    assert (ROOT / "benchmarks" / program).exists()
    assert all((ROOT / argument).exists() for argument in arguments if "/" in argument)


def test_every_result_belongs_to_a_part():
    assert {file.stem for file in performance.RESULTS.iterdir()} <= {part.name for part in performance.PARTS}
