"""``python -m gfnet_mobile.cli``, and the entry point of the installed command."""

import sys

from gfnet_mobile.cli.app import main


def run() -> None:
    sys.exit(main())


if __name__ == "__main__":
    run()
