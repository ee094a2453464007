"""``OverlaySettings``: how the heatmap lies over the anatomy."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class OverlaySettings(QObject):
    """On or off, how opaque, and from which share of the map's peak on it is drawn at all."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._visible = True
        self._opacity = 0.5
        self._threshold = 0.35

    @property
    def visible(self) -> bool:
        """Whether it is switched on."""
        return self._visible

    @property
    def opacity(self) -> float:
        """0 (invisible) to 1 (hides the anatomy)."""
        return self._opacity

    @property
    def threshold(self) -> float:
        """Share of the peak, 0 to 1, below which the map is transparent."""
        return self._threshold

    def set_visible(self, visible: bool) -> None:
        """Switch it on or off."""
        if visible != self._visible:
            self._visible = visible
            self.changed.emit()

    def toggle(self) -> None:
        """Switch it over."""
        self.set_visible(not self._visible)

    def set_opacity(self, opacity: float) -> None:
        """Clamp to 0..1 and use."""
        opacity = min(max(float(opacity), 0.0), 1.0)
        if opacity != self._opacity:
            self._opacity = opacity
            self.changed.emit()

    def set_threshold(self, threshold: float) -> None:
        """Clamp to 0..1 and use."""
        threshold = min(max(float(threshold), 0.0), 1.0)
        if threshold != self._threshold:
            self._threshold = threshold
            self.changed.emit()
