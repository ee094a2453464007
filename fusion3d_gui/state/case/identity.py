"""``Identity``: whether the window hides who the patient is."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class Identity(QObject):
    """A choice that lasts for the session: scans are opened with the patient's identity hidden, or not.

    The case of a scan that was opened hidden carries no identity; it must be opened again to show it.
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
        """Hide them from now on, or no longer."""
        if hidden != self._hidden:
            self._hidden = hidden
            self.changed.emit()

    def toggle(self) -> None:
        """Hide what is shown, or the other way round."""
        self.set_hidden(not self._hidden)
