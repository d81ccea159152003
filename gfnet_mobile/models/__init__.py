"""The network: encoders, policy, exit head, and how they are read from a checkpoint."""
