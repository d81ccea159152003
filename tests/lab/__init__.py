"""The laboratory: real devices' software on a Linux machine, for tests that would otherwise need a phone."""
