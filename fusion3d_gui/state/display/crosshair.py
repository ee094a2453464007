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
        #: Incremented with every move: part of the cache keys of what depends on it.
        self.version = 0

    @property
    def position_lps(self) -> np.ndarray:
        """The position, mm LPS (a copy)."""
        return self._position.copy()

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest coordinates of the volume, mm LPS (copies)."""
        return self._low.copy(), self._high.copy()

    def set_bounds(self, low: np.ndarray, high: np.ndarray, position: np.ndarray) -> None:
        """Take the extent of another volume (mm LPS), and go to ``position``."""
        self._low, self._high = np.array(low, float), np.array(high, float)
        self._go(np.clip(position, self._low, self._high))

    def move_to(self, lps_mm: np.ndarray) -> None:
        """Move to a position (mm LPS), clipped to the volume."""
        position = np.clip(np.asarray(lps_mm, dtype=np.float64), self._low, self._high)
        if not np.array_equal(position, self._position):
            self._go(position)

    def _go(self, position: np.ndarray) -> None:
        self._position = position
        self.version += 1
        self.moved.emit()
