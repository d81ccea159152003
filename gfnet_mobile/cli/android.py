"""``gfnet-mobile android build``: the runner for Android phones."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

EPILOG = "Example: gfnet-mobile android build --ndk ~/Android/Sdk/ndk/27.0.1"


class Action(str, Enum):
    """What can be done."""

    build = "build"


def android(
    action: Annotated[Action, typer.Argument(help="Only: build.")],
    ndk: Annotated[Path, typer.Option(help="Folder of the Android NDK, r27 or later.")],
    abi: Annotated[str, typer.Option(help="Instruction set: arm64-v8a or x86_64.")] = "arm64-v8a",
    executorch: Annotated[
        Path | None, typer.Option(help="A checkout of ExecuTorch with its submodules. Default: fetched from GitHub.")
    ] = None,
) -> None:
    """Build gfnet-runner, and ExecuTorch with it, for phones."""
    from android_bench.build import build

    print(f"{build(ndk, abi, executorch)}: built; try gfnet-mobile verify BUNDLE --device android")
