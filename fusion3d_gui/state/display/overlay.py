"""``OverlaySettings``: how the heatmap is drawn over the anatomy."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from fusion3d_gui.inference.prediction import Heatmap

#: While blinking, the heatmap is shown and hidden for so long (ms): far below rates that can trigger seizures.
_BLINK_MS = 600


class OverlaySettings(QObject):
    """Visibility, opacity, threshold as a share of the scale, contours, colour map, and the scale's top.

    The scale goes from 0 to the map's peak, unless one is kept for all maps.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._blinker = QTimer(self)
        self._blinker.setInterval(_BLINK_MS)
        self._blinker.timeout.connect(self._on_blink)
        self._use_defaults()

    def _use_defaults(self) -> None:
        self._blinker.stop()
        self._dark_phase = False
        self._visible = True
        self._opacity = 0.5
        self._threshold = 0.35
        self._contours = False
        self._color_map = "Inferno"
        self._kept_top: float | None = None

    def reset(self) -> None:
        """Use the defaults of everything."""
        self._use_defaults()
        self.changed.emit()

    @property
    def visible(self) -> bool:
        """Whether it is switched on."""
        return self._visible

    @property
    def is_drawn(self) -> bool:
        """Whether it is drawn now: switched on, and not in the hidden phase of blinking."""
        return self._visible and not self._dark_phase

    @property
    def blinking(self) -> bool:
        """Whether it is shown and hidden in turn."""
        return self._blinker.isActive()

    @property
    def contours(self) -> bool:
        """Whether lines of equal value are drawn instead of areas."""
        return self._contours

    @property
    def color_map(self) -> str:
        """Name of its colour map."""
        return self._color_map

    @property
    def opacity(self) -> float:
        """0 (invisible) to 1 (hides the anatomy)."""
        return self._opacity

    @property
    def threshold(self) -> float:
        """Share of the scale's top, 0 to 1, below which the map is transparent."""
        return self._threshold

    @property
    def kept_top(self) -> float | None:
        """Value (of the logit) at the top of the scale that is kept; None: each map has its own."""
        return self._kept_top

    def top_of(self, heatmap: Heatmap, own: float | None = None) -> float:
        """Value at the top of a heatmap's scale: what is kept where it has that unit, else ``own`` or its peak."""
        if self._kept_top is None or not heatmap.has_unit:
            return own or heatmap.peak
        return self._kept_top

    def keep_scale(self, top: float | None) -> None:
        """Keep a scale with this value (of the logit) at its top, above 0; None: keep none."""
        if top != self._kept_top and (top is None or top > 0):
            self._kept_top = top
            self.changed.emit()

    def toggle_kept_scale(self, heatmap: Heatmap | None) -> None:
        """Keep a heatmap's own scale for all maps, or no longer keep one."""
        if self._kept_top is not None:
            self.keep_scale(None)
        elif heatmap is not None and heatmap.has_unit:
            self.keep_scale(heatmap.peak)

    def set_visible(self, visible: bool) -> None:
        """Switch it on or off."""
        if visible != self._visible:
            self._visible = visible
            self.changed.emit()

    def toggle(self) -> None:
        """Toggle its visibility."""
        self.set_visible(not self._visible)

    def toggle_blinking(self) -> None:
        """Start or stop blinking."""
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
        """Toggle between contours and areas."""
        self._contours = not self._contours
        self.changed.emit()

    def set_color_map(self, name: str) -> None:
        """Choose another colour map."""
        if name != self._color_map:
            self._color_map = name
            self.changed.emit()

    def set_opacity(self, opacity: float) -> None:
        """Set it, clipped to 0 to 1."""
        opacity = min(max(float(opacity), 0.0), 1.0)
        if opacity != self._opacity:
            self._opacity = opacity
            self.changed.emit()

    def set_threshold(self, threshold: float) -> None:
        """Set it, clipped to 0 to 1."""
        threshold = min(max(float(threshold), 0.0), 1.0)
        if threshold != self._threshold:
            self._threshold = threshold
            self.changed.emit()
