"""``VolumeMouse``: what drags and clicks in the 3D view mean."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent

from fusion3d_gui.state.display.window_level import WindowLevel

_DEGREES_PER_PX = 0.5
_WINDOW_DRAG_PX = 350.0
#: A right press that moves no further is a click.
_CLICK_PX = 4


class VolumeMouse(QObject):
    """Left drag turns, right drag changes the window level, middle drag pans; a right click asks for the menu."""

    #: Degrees about the patient's long axis, and towards or away from the reader.
    turned = Signal(float, float)
    #: Pixels to the right and down.
    panned = Signal(float, float)
    #: A right click at this position (QPoint) in the view.
    menu_requested = Signal(QPoint)

    def __init__(self, window_level: WindowLevel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window_level = window_level
        self._from = QPointF()
        self._pressed = QPointF()
        self._moved = False

    def press(self, event: QMouseEvent) -> None:
        """Begin a drag."""
        self._from = self._pressed = event.position()
        self._moved = False

    def move(self, event: QMouseEvent) -> None:
        """Continue it."""
        where = event.position()
        self._moved = self._moved or (where - self._pressed).manhattanLength() > _CLICK_PX
        if not self._moved and event.buttons() & Qt.MouseButton.RightButton:
            return
        delta = where - self._from
        self._from = where
        if event.buttons() & Qt.MouseButton.LeftButton:
            self.turned.emit(-delta.x() * _DEGREES_PER_PX, delta.y() * _DEGREES_PER_PX)
        elif event.buttons() & Qt.MouseButton.RightButton:
            self._window_level.drag(delta.x() / _WINDOW_DRAG_PX, delta.y() / _WINDOW_DRAG_PX)
        elif event.buttons() & Qt.MouseButton.MiddleButton:
            self.panned.emit(delta.x(), delta.y())

    def release(self, event: QMouseEvent) -> None:
        """End a change of the window level, or take it for a click."""
        if event.button() == Qt.MouseButton.RightButton:
            self._window_level.settle()
            if not self._moved:
                self.menu_requested.emit(event.position().toPoint())
