"""``ProgressBar``: a progress bar that does not paint within ``setValue``."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QWidget

_STEPS = 1000


class ProgressBar(QProgressBar):
    """A bar without text that schedules its painting.

    ``QProgressBar.setValue`` paints at once, and with it everything in the window that waits to be
    painted.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextVisible(False)
        self.setRange(0, _STEPS)

    def show_fraction(self, fraction: float) -> None:
        """Set the progress, 0 to 1."""
        self.setUpdatesEnabled(False)
        self.setValue(round(_STEPS * fraction))
        self.setUpdatesEnabled(True)  # schedules a paint
