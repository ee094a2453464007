"""``UserError``, which the user can correct, and ``Cancelled``, raised when the user cancels."""

from __future__ import annotations

from pathlib import Path


def shown_name(path: Path | None) -> str:
    """A file's name fit to be printed: control characters become question marks."""
    if path is None:
        return ""
    name = path.name or str(path)
    return "".join(sign if sign.isprintable() else "?" for sign in name)


class UserError(Exception):
    """Something that the user gave is wrong, and only the user can correct it.

    The text is one line for the window or the terminal: the file (by name; never a patient's name or
    identifier), what is wrong with it, what to do. The command line prints it and exits with status
    2; the window shows it and stays open.

    Parameters
    ----------
    problem
        What is wrong, as the end of a sentence that begins with the file's name.
    path
        The file or folder that it is about.
    remedy
        A sentence that says what to do.
    """

    def __init__(self, problem: str, *, path: Path | str | None = None, remedy: str = "") -> None:
        self.problem = problem.rstrip(".")
        self.path = Path(path) if path is not None else None
        self.remedy = remedy
        where = f"{shown_name(self.path)}: " if self.path is not None else ""
        parts = [f"{where}{self.problem}."]
        if remedy:
            parts.append(remedy if remedy.endswith((".", "?", "!")) else remedy + ".")
        super().__init__(" ".join(" ".join(parts).split()))


class Cancelled(Exception):
    """Raised by a progress callback, inside long work, once the user has cancelled it."""
