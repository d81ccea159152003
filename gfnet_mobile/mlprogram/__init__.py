"""ML programs, the networks in Core ML packages, read as saved and executed on any machine.

``package`` finds the files, ``program`` reads the protobuf into plain data, ``weights`` the blob file beside it.
``ops`` has one small function per operator, ``interpreter`` walks the program. It refuses what it does not understand.
It shows what a file means; it says nothing on how Core ML compiles, places or times it.
"""

from gfnet_mobile.mlprogram.interpreter import Interpreter, Precision, load

__all__ = ["Interpreter", "Precision", "load"]
