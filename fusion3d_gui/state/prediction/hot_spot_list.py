"""``HotSpotList``: the peaks of the heatmap on screen, and which of them the crosshair is at."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.inference.explain.hot_spots import HotSpot, find_hot_spots
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.display import Display

#: The crosshair counts as at a spot within this distance (mm).
_NEAR_MM = 0.5


class HotSpotList(QObject):
    """Strongest first, above the overlay's threshold. Going to one moves the crosshair."""

    changed = Signal()

    def __init__(self, display: Display, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._display = display
        self._heatmap: Heatmap | None = None
        self._threshold = -1.0
        self._spots: list[HotSpot] = []
        self._last = -1
        self._emitted: int | None = None
        display.overlay.changed.connect(self._refresh)
        display.crosshair.moved.connect(self._on_crosshair_moved)

    def set_heatmap(self, heatmap: Heatmap | None) -> None:
        """Find the peaks of another heatmap; None: there are none."""
        if heatmap is not self._heatmap:
            self._heatmap, self._threshold, self._last = heatmap, -1.0, -1
            self._refresh()

    @property
    def spots(self) -> tuple[HotSpot, ...]:
        """All hot spots, strongest first."""
        return tuple(self._spots)

    @property
    def current(self) -> int | None:
        """Number of the spot at which the crosshair is, from 0."""
        position = self._display.crosshair.position_lps
        low, high = self._display.crosshair.bounds
        for number, spot in enumerate(self._spots):
            # The centre of a coarse cell may lie outside the scan, where the crosshair can't go.
            if np.linalg.norm(spot.position_lps.clip(low, high) - position) < _NEAR_MM:
                return number
        return None

    def side(self, spot: HotSpot) -> str:
        """The patient's side: ``left`` or ``right`` of the middle of the scan, or ``middle``."""
        low, high = self._display.crosshair.bounds
        from_middle = float(spot.position_lps[0] - (low[0] + high[0]) / 2)
        if abs(from_middle) < 1.0:
            return "middle"
        return "left" if from_middle > 0 else "right"

    def go_to(self, number: int) -> None:
        """Put the crosshair on a spot by its number from 0."""
        if 0 <= number < len(self._spots):
            self._last = number
            self._display.crosshair.move_to(self._spots[number].position_lps)

    def go_to_peak(self) -> None:
        """Put the crosshair on the strongest cell of the current heatmap."""
        if self._heatmap is not None and self._heatmap.peak_lps is not None:
            self._display.crosshair.move_to(self._heatmap.peak_lps)

    def next(self) -> None:
        """Go to the next weaker spot, after the last one to the first."""
        if self._spots:
            self.go_to((self._last + 1) % len(self._spots))

    def previous(self) -> None:
        """Go to the next stronger spot, before the first one to the last."""
        if self._spots:
            self.go_to((max(self._last, 0) - 1) % len(self._spots))

    def _on_crosshair_moved(self) -> None:
        current = self.current
        if current != self._emitted:
            self._emitted = current
            self.changed.emit()

    def _refresh(self) -> None:
        threshold = self._display.overlay.threshold
        if threshold == self._threshold:
            return
        self._threshold = threshold
        self._spots = [] if self._heatmap is None else find_hot_spots(self._heatmap, threshold)
        self._last = min(self._last, len(self._spots) - 1)
        self._emitted = self.current
        self.changed.emit()
