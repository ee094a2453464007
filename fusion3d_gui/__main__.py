"""``python -m fusion3d_gui``: the command line."""

from __future__ import annotations

import sys


def main() -> int:
    """Entry point of the command ``fusion3d``; returns its exit status."""
    from fusion3d_gui.cli.parser import run
    from fusion3d_gui.cli.terminal import keep_log_plain

    keep_log_plain()
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
