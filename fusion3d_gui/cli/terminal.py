"""Lines, progress and the log on a terminal, and checks before long work."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.plain_text import terminal_text
from fusion3d_gui.progress import Progress, no_progress


def check_can_write(path: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Raise UserError if an output's folder does not exist or it is an input, before work that would be lost."""
    if path is None:
        return
    if not path.absolute().parent.is_dir():
        raise UserError("the folder to write to does not exist", path=path, remedy="Make it first.")
    check_not_input(path, inputs)


def say(text: str, *, error: bool = False) -> None:
    """Print one line, on standard error where it is no output; whatever it quotes can't add a line."""
    stream = sys.stderr if error else sys.stdout
    print(_line(text, stream), file=stream)


def print_json(value: Any) -> None:
    """Print a JSON value as standard output; in it every control character and every letter beyond ASCII is escaped."""
    print(json.dumps(value, indent=2))


def say_error(error: Exception) -> None:
    """Print the one line that says why the program ends."""
    say(f"fusion3d: {str(error) or type(error).__name__}", error=True)


def _line(text: str, stream: TextIO) -> str:
    return terminal_text(text, stream.encoding)


def keep_log_plain() -> None:
    """Write the log and uncaught exceptions to standard error as plain lines.

    Each record begins with its level; the lines below it, such as a traceback's, are indented. Only the program's
    own records are written: what libraries say of a file, as logs or as warnings, is not for the user.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_PlainFormatter("%(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    handler.addFilter(logging.Filter("fusion3d_gui"))
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: object) -> None:
    logging.getLogger("fusion3d_gui").critical("uncaught", exc_info=error)


class _PlainFormatter(logging.Formatter):
    """Messages may quote files: no control character, and no line that looks like one of ours."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as lines of plain text, without the paths of scans: they often name a patient."""
        lines = super().format(record).split("\n")
        return "\n    ".join(_line(_without_paths(each), sys.stderr) for each in lines)


def _without_paths(line: str) -> str:
    if line.startswith('  File "'):
        return line  # a place in the program
    # To the end of the quotation, or of the line: a path may hold spaces.
    return re.sub(r"""(?:\b[A-Za-z]:)?(?<![\w/])[\\/](?=[^\s/])[^"'\n]*""", "(a path)", line)


def print_notices(notices: tuple[str, ...]) -> None:
    """Print notices to standard error."""
    for notice in notices:
        say(f"notice: {notice}", error=True)


def terminal_progress() -> Progress:
    """A progress callback that rewrites one line of a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        return no_progress

    def show(fraction: float, message: str) -> None:
        end = "\n" if fraction >= 1 else ""
        told = _line(f"{100 * fraction:3.0f} %  {message}", sys.stderr)
        print(f"\r\033[K{told}", end=end, file=sys.stderr, flush=True)

    return show
