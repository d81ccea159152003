"""``python -m gfnet_mobile`` is the command ``gfnet-mobile``."""

import sys

from gfnet_mobile.cli.app import main

sys.exit(main())
