"""The command ``gfnet-mobile``: finds the command's module, runs it, and turns every end into an exit code.

0: done. 1: a check failed. 2: bad input, one line on stderr. 130: Ctrl-C.
"""

import io
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import typer

COMMANDS = {
    "convert": "Turn a published GFNet checkpoint into one of ours.",
    "export": "Turn a checkpoint into a bundle for ONNX Runtime, ExecuTorch and Core ML.",
    "export-static": "Turn a static network into bundles to compare with, at several sizes.",
    "run": "Classify pictures with a bundle.",
    "verify": "Compare a bundle's targets with its golden vectors.",
    "inspect": "Print what a bundle's Core ML graphs are made of.",
    "bench": "Measure a bundle's latency, on this machine or on a device.",
    "embed": "Turn a bundle into a Swift package or a Gradle module for apps.",
    "devices": "List the devices that are plugged in.",
    "android": "Build the runner for Android phones.",
    "doctor": "Say what this machine lacks for each target and device.",
    "train": "Train a network in the paper's three stages.",
    "evaluate": "Accuracy per step, and mean steps at a bundle's thresholds.",
    "calibrate": "Find exit rules for a goal in milliseconds or accuracy.",
    "compare": "Dynamic networks against static ones: accuracy over latency, and a verdict.",
}
"""name → line in --help. The function of that name (``_`` for ``-``) in the module of that name here is the command."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (``sys.argv`` by default) and return the exit code."""
    try:
        return _explained(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # imports are inside too: Ctrl-C may come at any time
        return 130


def _explained(arguments: list[str]) -> int:
    """Every way to end badly as one line and its exit code."""
    from gfnet_mobile.errors import CheckFailed, UserError

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be text in the terminal's encoding
    try:
        code = _run(arguments or ["--help"])
        sys.stdout.flush()
        return code
    except CheckFailed as error:
        return _say(f"failed: {error}", 1)
    except UserError as error:
        return _say(f"error: {error}", 2)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("gfnet_mobile", "export"):  # ours: no extra would mend it
            raise
        extra = "report" if package == "matplotlib" else "train" if arguments[0] == "train" else "export"
        return _say(f"error: this command needs {package}: pip install 'gfnet-mobile[{extra}]'", 2)
    except BrokenPipeError:  # the reader (head, less) has seen enough
        _give_up_stdout()
        return 0
    except OSError as error:  # a full disk, a folder that nobody may read
        _give_up_stdout()
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"error: {where}{(error.strerror or str(error)).lower()}", 2)


def _run(arguments: list[str]) -> int:
    import typer

    usage_error: Any = typer.BadParameter.__bases__[0]  # where typer's click lies differs from version to version
    try:
        command = typer.main.get_command(_app(arguments[0]))
        with command.make_context("gfnet-mobile", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as end:
        return int(end.exit_code)
    except usage_error as error:
        return _say(f"error: {error.format_message()} (see gfnet-mobile --help)", 2)
    return 0


def _app(asked: str) -> "typer.Typer":
    """All commands; only the one that is asked for is imported, the others are their line in ``--help``."""
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    @app.callback()
    def _program() -> None:
        """Glance-and-focus networks on phones: train, export, run and measure."""

    for name, line in COMMANDS.items():
        if name == asked:
            function = name.replace("-", "_")
            module = import_module(f"gfnet_mobile.cli.{function}")
            example = f"\b\n{module.EPILOG}"  # \b: on one line, however long, to be copied
            app.command(name, short_help=line, epilog=example)(getattr(module, function))
        else:
            app.command(name, short_help=line)(lambda: None)
    return app


def _give_up_stdout() -> None:
    """What cannot be written now would be tried again, and complained about, when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(line: str, code: int) -> int:
    from gfnet_mobile.errors import one_line

    print(one_line(line), file=sys.stderr)
    return code
