"""``Comparison``: how the second scan is drawn over the first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from PySide6.QtCore import QObject, QTimer, Signal

#: Each scan is shown for so long (ms) while they alternate: far below rates that can trigger seizures.
_FLICKER_MS = 600


class Way(Enum):
    """Ways to draw the second scan over the first."""

    NONE = "Beside"
    BLEND = "Fused"
    FLICKER = "Flicker"
    CHECKERBOARD = "Checkerboard"
    DIFFERENCE = "Difference"


@dataclass(frozen=True)
class ComparisonLook:
    """Which way, how opaque while fused, and in which colours."""

    way: Way = Way.NONE
    blend: float = 0.5
    color_map: str = "Hot iron"


class Comparison(QObject):
    """Which way, how opaque, and in which colours."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._look = ComparisonLook()
        self._second_phase = True
        self._timer = QTimer(self)
        self._timer.setInterval(_FLICKER_MS)
        self._timer.timeout.connect(self._on_flicker)

    @property
    def way(self) -> Way:
        """The way."""
        return self._look.way

    @property
    def blend(self) -> float:
        """Opacity of the second scan while fused, 0 to 1."""
        return self._look.blend

    @property
    def color_map(self) -> str:
        """Colour map of the second scan while fused."""
        return self._look.color_map

    @property
    def look(self) -> ComparisonLook:
        """All three."""
        return self._look

    @property
    def shows_second(self) -> bool:
        """While they alternate, whether it is the second scan's turn."""
        return self._second_phase

    def choose(self, way: Way) -> None:
        """Draw it this way."""
        if way is not self.way:
            self._look = replace(self._look, way=way)
            self._second_phase = True
            if way is Way.FLICKER:
                self._timer.start()
            else:
                self._timer.stop()
            self.changed.emit()

    def set_blend(self, blend: float) -> None:
        """Set the opacity, clipped to 0 to 1."""
        blend = min(max(float(blend), 0.0), 1.0)
        if blend != self.blend:
            self._look = replace(self._look, blend=blend)
            self.changed.emit()

    def set_color_map(self, name: str) -> None:
        """Choose another colour map."""
        if name != self.color_map:
            self._look = replace(self._look, color_map=name)
            self.changed.emit()

    def take(self, look: ComparisonLook) -> None:
        """Draw it as it was drawn at another time."""
        self.set_blend(look.blend)
        self.set_color_map(look.color_map)
        self.choose(look.way)

    def _on_flicker(self) -> None:
        self._second_phase = not self._second_phase
        self.changed.emit()
