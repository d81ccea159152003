"""Dynamic networks against static ones: accuracy over latency on a device, and whether one is worth its trouble."""
