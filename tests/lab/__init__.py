"""The laboratory: real devices' software on a Linux machine, for tests that would otherwise need a phone."""

from pathlib import Path

CACHE = Path(__file__).parents[2] / "build" / "lab"
"""what is made or fetched once and kept; `make clean` removes it"""
