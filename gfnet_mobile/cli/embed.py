"""``gfnet-mobile embed``: a bundle becomes code that an app takes in."""

from pathlib import Path
from typing import Annotated

import typer

from gfnet_mobile.errors import UserError

EPILOG = "Example: gfnet-mobile embed bundles/photos.gfnet --swift PhotosNet"


def embed(
    bundle: Annotated[Path, typer.Argument(help="Folder NAME.gfnet.")],
    swift: Annotated[Path | None, typer.Option(help="Folder that gets a Swift package, for iPhones.")] = None,
    kotlin: Annotated[Path | None, typer.Option(help="Folder that gets a Gradle module, for Android.")] = None,
    target: Annotated[str, typer.Option(help="What the Swift package runs: coreml or executorch.")] = "coreml",
) -> None:
    """Write a bundle as a library for apps: its files, a type for its labels, a test with its golden vectors."""
    from gfnet_mobile.bundle.store import open_bundle
    from gfnet_mobile.embed.kotlin import write_gradle_module
    from gfnet_mobile.embed.swift import write_swift_package

    if swift is None and kotlin is None:
        raise UserError("name a folder: --swift FOLDER, --kotlin FOLDER or both")
    opened = open_bundle(bundle)
    if swift is not None:
        module = write_swift_package(opened, target, swift)
        print(f"{swift}: module {module}; in Xcode: File › Add Package Dependencies › Add Local")
    if kotlin is not None:
        package = write_gradle_module(opened, kotlin)
        print(f"{kotlin}: package {package}; {kotlin / 'README.md'} has the lines for Gradle")
