"""coremltools' own operator tests, their predictions made by our interpreter; ``python -m tests.conformance``."""
