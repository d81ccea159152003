"""The shipped network: ``demo.safetensors`` and the log of its training; docs/demo.md has its figures."""
