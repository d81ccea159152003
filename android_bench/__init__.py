"""Station for Android phones: the native runner and the Kotlin library."""

import os
from pathlib import Path

from gfnet_mobile.errors import UserError

ABIS = ("arm64-v8a", "x86_64")
"""instruction sets that the runner is built for, as Android calls them"""
BUILT = Path(__file__).parents[1] / "build" / "android"
"""one folder per ABI; `gfnet-mobile android build` fills it"""
START, PROGRAM = "start", "gfnet-runner"


def runner(abi: str) -> Path:
    """The folder with the runner for ``abi`` and all that it needs beside it: $GFNET_RUNNER, or else what was built
    here. A script ``start`` in it is run in the place of ``gfnet-runner``. Raises UserError where there is none."""
    own = os.environ.get("GFNET_RUNNER")
    folder = Path(own) if own else BUILT / abi
    if not any((folder / name).is_file() for name in (START, PROGRAM)):
        if own:
            raise UserError(f"GFNET_RUNNER={own}: no {PROGRAM} in this folder")
        raise UserError(f"no runner for {abi} was built: gfnet-mobile android build --ndk PATH")
    return folder
