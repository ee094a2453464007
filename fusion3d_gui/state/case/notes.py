"""``Notes``: the reader's own words about the case on screen, kept for each case of the session."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.report.case_result import ReaderNotes
from fusion3d_gui.state.data.case import Case, CaseKey

#: Longest reading or comment, in characters.
LONGEST_NOTE = 10_000
_MOST_LINES = 400


class Notes(QObject):
    """A reading of the scan and a comment on the prediction."""

    #: The words have changed, or those of another case are on screen.
    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._by_case: dict[CaseKey, ReaderNotes] = {}
        self._key: CaseKey | None = None

    @property
    def now(self) -> ReaderNotes:
        """The words about the case on screen."""
        none = ReaderNotes()
        return none if self._key is None else self._by_case.get(self._key, none)

    def show_case(self, case: Case) -> None:
        """Show the words about another case, as they were left."""
        self._key = case.key
        self.changed.emit()

    def set_reading(self, text: str) -> None:
        """Set the reading of the scan."""
        self.set_all(replace(self.now, reading=text))

    def set_comment(self, text: str) -> None:
        """Set the comment on the prediction."""
        self.set_all(replace(self.now, comment=text))

    def set_all(self, notes: ReaderNotes) -> None:
        """Set both."""
        if self._key is not None and notes != self.now:
            self._by_case[self._key] = notes
            self.changed.emit()


def note_text(text: str) -> str:
    """A note from a file as plain text: its lines stay, all else that is no visible character is made visible."""
    lines = text[:LONGEST_NOTE].splitlines()[:_MOST_LINES]
    return "\n".join(visible_text(line, LONGEST_NOTE) for line in lines)
