"""``Crosshair``: the one patient position that all views share."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal


class Crosshair(QObject):
    """A position in mm, LPS, kept within the bounds of the volume on screen."""

    moved = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._low = np.zeros(3)
        self._high = np.zeros(3)
        self._position = np.zeros(3)
        #: Grows with every move, to be part of the keys of what depends on it.
        self.version = 0

    @property
    def position_lps(self) -> np.ndarray:
        """Where it is, mm LPS (a copy)."""
        return self._position.copy()

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest place it can go to, mm LPS (copies)."""
        return self._low.copy(), self._high.copy()

    def set_bounds(self, low: np.ndarray, high: np.ndarray, position: np.ndarray) -> None:
        """A new volume: its extent in mm LPS, and where to start."""
        self._low, self._high = np.array(low, float), np.array(high, float)
        self._go(np.clip(position, self._low, self._high))

    def move_to(self, lps_mm: np.ndarray) -> None:
        """Go there, or as near as the volume reaches."""
        position = np.clip(np.asarray(lps_mm, dtype=np.float64), self._low, self._high)
        if not np.array_equal(position, self._position):
            self._go(position)

    def _go(self, position: np.ndarray) -> None:
        self._position = position
        self.version += 1
        self.moved.emit()
