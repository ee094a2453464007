"""The file ``LICENSE`` of a bundle: the terms that its maker gave, or a text that says that there are none."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded

LICENSE = "LICENSE"
_NAMES = (LICENSE, "LICENSE.txt", "LICENSE.md")
_LARGEST_BYTES = 1_000_000

#: Written where no terms were given. Saying nothing would leave the reader to guess.
NO_TERMS = """No terms of use were given for this model when its bundle was made.

Without terms nobody but its makers may copy, change or give away its weights. Replace this file by the terms under which
others may use the model, before you pass it on.
"""


def license_text(path: Path) -> str:
    """The terms in a file of the user's. Raises UserError where it can't be read as text."""
    try:
        text = read_bounded(path, _LARGEST_BYTES).decode("utf-8").strip()
    except (OSError, ValueError):
        raise UserError("it can't be read as terms of use in plain text", path=path) from None
    if not text:
        raise UserError("it is empty", path=path, remedy="Name a file with terms of use.")
    return text + "\n"


def license_of(folder: Path) -> Path | None:
    """The file with the terms of a bundle; None where it has none."""
    return next((folder / name for name in _NAMES if (folder / name).is_file()), None)


def states_no_terms(path: Path) -> bool:
    """Whether a bundle's file only says that there are no terms."""
    if path.stat().st_size > 2 * len(NO_TERMS):
        return False
    return path.read_text(encoding="utf-8", errors="replace").strip() == NO_TERMS.strip()
