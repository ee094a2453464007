"""``UserError``, which the user can correct, and ``Cancelled``, raised when the user cancels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text


def shown_name(path: Path | None) -> str:
    """A file's name as plain text: it may hold any character."""
    return "" if path is None else visible_text(path.name or str(path))


class UserError(Exception):
    """Something that the user gave is wrong, and only the user can correct it.

    The text is one line of plain text for the window or the terminal: the file (by name; never a
    patient's name or identifier), what is wrong with it, what to do. The command line prints it and
    exits with status 2; the window shows it and stays open.

    Parameters
    ----------
    problem
        What is wrong, as the end of a sentence that begins with the file's name.
    path
        The file or folder that it is about.
    remedy
        A sentence that says what to do.
    quoted
        Other files and folders that ``problem`` names: a name may tell who the patient is.
    """

    def __init__(
        self,
        problem: str,
        *,
        path: Path | str | None = None,
        remedy: str = "",
        quoted: Sequence[Path] = (),
    ) -> None:
        self.problem = visible_text(problem, LONGEST_TEXT).rstrip(".")
        self.path = Path(path) if path is not None else None
        self.remedy = visible_text(remedy, LONGEST_TEXT)
        self.quoted = tuple(quoted)
        where = f"{shown_name(self.path)}: " if self.path is not None else ""
        parts = [f"{where}{self.problem}."]
        if self.remedy:
            ended = self.remedy.endswith((".", "?", "!"))
            parts.append(self.remedy if ended else self.remedy + ".")
        super().__init__(" ".join(parts))


class Cancelled(Exception):
    """Raised by a progress callback, inside long work, once the user has cancelled it."""
