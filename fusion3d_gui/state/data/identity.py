"""``Identity``: whether the window hides the patient's identity."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Identity(QObject):
    """Whether scans are shown and opened without the patient's identity, for this session.

    A scan opened while it is hidden is read without identity, and must be opened again to show it.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hidden = False

    @property
    def hidden(self) -> bool:
        """Whether names, numbers, dates and file names are kept off the screen."""
        return self._hidden

    def set_hidden(self, hidden: bool) -> None:
        """Hide or show the identity from now on."""
        if hidden != self._hidden:
            self._hidden = hidden
            self.changed.emit()

    def toggle(self) -> None:
        """Hide the identity if it is shown, show it if it is hidden."""
        self.set_hidden(not self._hidden)
