"""Checkpoints that GFNet's authors published, and those of their training script, read as networks of ours.

``file`` reads the pickle without running code from it, ``families`` say what each configuration is and what its tensors
are called, ``convert`` builds the network and fills it.
"""
