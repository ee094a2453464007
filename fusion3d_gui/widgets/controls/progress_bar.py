"""``ProgressBar``: how far some work has come, painted when there is time for it."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QWidget

_STEPS = 1000


class ProgressBar(QProgressBar):
    """A bar without words.

    Qt's own paints itself, and all of the window that waits to be painted, within every call of
    ``setValue``.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextVisible(False)
        self.setRange(0, _STEPS)

    def show_fraction(self, fraction: float) -> None:
        """From 0 to 1."""
        self.setUpdatesEnabled(False)
        self.setValue(round(_STEPS * fraction))
        self.setUpdatesEnabled(True)  # asks for a paint, soon
