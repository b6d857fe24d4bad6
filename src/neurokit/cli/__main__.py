"""``python -m neurokit.cli``: the command, where it is not in the path."""

from __future__ import annotations

import sys

from neurokit.cli import main

sys.exit(main())
