"""The two exceptions that are part of normal life: the user's mistake and the user's change of mind."""

from __future__ import annotations

from pathlib import Path


def shown_name(path: Path | None) -> str:
    """A file's name as it may be printed: whatever would move a terminal's cursor is a question mark."""
    if path is None:
        return ""
    name = path.name or str(path)
    return "".join(sign if sign.isprintable() else "?" for sign in name)


class UserError(Exception):
    """Something that the user gave is wrong, and only the user can mend it.

    The text is one sentence, fit to be shown in the window or printed as one line: the file
    (by name; never a patient's name or identifier), what is wrong with it, what to do.
    The command line prints it and exits with status 2; the window shows it and stays up.
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
    """Raised inside long work, by its progress callback, once the user has cancelled it."""
