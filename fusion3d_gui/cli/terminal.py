"""Progress and notices on a terminal, and checks before long work."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import Progress, no_progress


def check_can_write(path: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Raise UserError if an output's folder does not exist or it is an input, before work that would be lost."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise UserError("the folder to write to does not exist", path=path, remedy="Make it first.")
    check_not_input(path, inputs)


def print_notices(notices: tuple[str, ...]) -> None:
    """Print notices to standard error."""
    for notice in notices:
        print(f"notice: {notice}", file=sys.stderr)


def terminal_progress() -> Progress:
    """A progress callback that rewrites one line of a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        return no_progress

    def show(fraction: float, message: str) -> None:
        end = "\n" if fraction >= 1 else ""
        print(f"\r\033[K{100 * fraction:3.0f} %  {message}", end=end, file=sys.stderr, flush=True)

    return show
