"""``OverlaySettings``: how the heatmap lies over the anatomy."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

#: The heatmap is shown and hidden for so long (ms) while it blinks: far from rates that harm.
_BLINK_MS = 600


class OverlaySettings(QObject):
    """On or off, how opaque, and from which share of the map's peak on it is drawn at all."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._visible = True
        self._opacity = 0.5
        self._threshold = 0.35
        self._contours = False
        self._color_map = "Inferno"
        self._dark_phase = False
        self._blinker = QTimer(self)
        self._blinker.setInterval(_BLINK_MS)
        self._blinker.timeout.connect(self._on_blink)

    @property
    def visible(self) -> bool:
        """Whether it is switched on."""
        return self._visible

    @property
    def is_drawn(self) -> bool:
        """Whether it is to be seen this moment: on, and not in the dark phase of blinking."""
        return self._visible and not self._dark_phase

    @property
    def blinking(self) -> bool:
        """Whether it comes and goes, so that the eye compares with and without."""
        return self._blinker.isActive()

    @property
    def contours(self) -> bool:
        """Whether lines of equal value are drawn instead of areas."""
        return self._contours

    @property
    def color_map(self) -> str:
        """Its colours, by name."""
        return self._color_map

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

    def toggle_blinking(self) -> None:
        """Begin or end to blink."""
        self._dark_phase = False
        if self._blinker.isActive():
            self._blinker.stop()
        else:
            self._blinker.start()
        self.changed.emit()

    def _on_blink(self) -> None:
        self._dark_phase = not self._dark_phase
        self.changed.emit()

    def toggle_contours(self) -> None:
        """Lines instead of areas, or areas again."""
        self._contours = not self._contours
        self.changed.emit()

    def set_color_map(self, name: str) -> None:
        """Other colours."""
        if name != self._color_map:
            self._color_map = name
            self.changed.emit()

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
