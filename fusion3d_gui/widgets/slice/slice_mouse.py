"""``SliceMouse``: mouse, wheel and key handling of a slice view."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, Protocol

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWheelEvent

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.slice.crosshair_arms import Arm
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas

Drag = Literal["crosshair", "window", "pan", "turn"]

#: A drag across this many px changes the window by its default width.
_WINDOW_DRAG_PX = 350.0
_ZOOM_PER_STEP = 1.15
_WHEEL_STEP = 120
#: A right press that moves no further is a click.
_CLICK_PX = 4
#: With ctrl held, arms turn in steps of this many degrees.
_TURN_STEP = 5.0


class SliceActions(Protocol):
    """What the mouse asks of a slice view."""

    def pan(self, right_px: float, down_px: float) -> None:
        """Move the image along with a drag."""

    def zoom_about(self, x_px: float, y_px: float, factor: float) -> None:
        """Enlarge about a pixel."""

    def step(self, slices: int) -> None:
        """Go so many slices on."""

    def turn_others(self, radians: float, only: str | None = None) -> None:
        """Turn the other planes, or one by its name."""

    def maximise(self) -> None:
        """Fill all of the layout, or be one of several views again."""

    def open_menu(self, at: QPoint) -> None:
        """Offer what the view can show."""


class SliceMouse:
    """Left drag moves the crosshair or, from a grip, turns an arm; right drag changes the window,
    a right click asks for the menu; middle or shift+left drag pans; the wheel turns slices, with ctrl it zooms, with shift it changes
    the window's width; double click asks to be maximised."""

    CURSORS: ClassVar[dict[Drag | None, Qt.CursorShape]] = {
        None: Qt.CursorShape.CrossCursor,
        "crosshair": Qt.CursorShape.CrossCursor,
        "window": Qt.CursorShape.SizeAllCursor,
        "pan": Qt.CursorShape.ClosedHandCursor,
        "turn": Qt.CursorShape.ClosedHandCursor,
    }

    def __init__(self, view: SliceCanvas, actions: SliceActions) -> None:
        self._view, self._actions = view, actions
        self._display = view.display
        self.drag: Drag | None = None
        self._from = QPointF()
        self._pressed = QPointF()
        self._moved = False
        self._before_click = self._display.crosshair.position_lps
        self._wheel = 0
        self._arm: Arm | None = None
        self._turned = 0.0
        self._asked = 0.0

    def press(self, event: QMouseEvent) -> None:
        """Begin the button's drag."""
        view, where = self._view, event.position()
        buttons, shift = Qt.MouseButton, event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        left = event.button() == buttons.LeftButton
        if event.button() == buttons.MiddleButton or (left and shift):
            self.drag = "pan"
        elif left and self._over_title(where):
            self._actions.open_menu(where.toPoint())
            return
        elif left:
            self._before_click = self._display.crosshair.position_lps
            self._arm = view.grip_at(where)
            self.drag = "crosshair" if self._arm is None else "turn"
            self._turned = self._asked = 0.0
            if self.drag == "crosshair":
                self._display.crosshair.move_to(view.lps_at(where))
        elif event.button() == buttons.RightButton:
            self.drag = "window"
        self._from = self._pressed = where
        self._moved = False
        view.setCursor(self.CURSORS[self.drag])

    def move(self, event: QMouseEvent) -> None:
        """Continue the drag."""
        view, where = self._view, event.position()
        delta = where - self._from
        if self.drag == "crosshair":
            self._display.crosshair.move_to(view.lps_at(where))
        elif self.drag == "pan":
            self._actions.pan(delta.x(), delta.y())
        elif self.drag == "window":
            self._moved = self._moved or (where - self._pressed).manhattanLength() > _CLICK_PX
            if not self._moved:
                return
            self._display.window_level.drag(
                delta.x() / _WINDOW_DRAG_PX, delta.y() / _WINDOW_DRAG_PX
            )
        elif self.drag == "turn":
            self._turn(where, event.modifiers())
        elif event.buttons() == Qt.MouseButton.NoButton:
            over_grip = view.grip_at(where) is not None
            if self._over_title(where):
                view.setCursor(Qt.CursorShape.PointingHandCursor)
            else:
                view.setCursor(Qt.CursorShape.OpenHandCursor if over_grip else self.CURSORS[None])
        self._from = where

    @staticmethod
    def _over_title(where: QPointF) -> bool:
        return where.x() < theme.px(90) and where.y() < theme.px(28)

    def _turn(self, where: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        """Rotate the other planes about this one's normal; with alt only the gripped one."""
        center = self._view.crosshair_px
        before, now = self._from - center, where - center
        if math.hypot(now.x(), now.y()) < 3.0 or self._arm is None:
            return
        change = math.atan2(now.y(), now.x()) - math.atan2(before.y(), before.x())
        self._asked += math.remainder(change, math.tau)
        wanted = self._asked
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            step = math.radians(_TURN_STEP)
            wanted = round(wanted / step) * step
        only = self._arm.name if modifiers & Qt.KeyboardModifier.AltModifier else None
        if wanted != self._turned:
            self._actions.turn_others(wanted - self._turned, only)
            self._turned = wanted

    def release(self, event: QMouseEvent) -> None:
        """End the drag; a click with the right button asks for the menu."""
        drag, self.drag = self.drag, None
        self._view.setCursor(self.CURSORS[None])
        if drag == "window":
            self._display.window_level.settle()
            if not self._moved:
                self._actions.open_menu(event.position().toPoint())

    def double_click(self, event: QMouseEvent) -> None:
        """Request to be maximised, or restored."""
        if event.button() == Qt.MouseButton.LeftButton:
            # Its first click moved the crosshair, which a double click should not: move it back.
            self._display.crosshair.move_to(self._before_click)
            self._actions.maximise()

    def wheel(self, event: QWheelEvent) -> None:
        """Change the slice; with ctrl zoom about the pointer; with shift change the window width."""
        where, modifiers = event.position(), event.modifiers()
        # Alt and shift make some systems report a sideways turn.
        turn = event.angleDelta().y() or event.angleDelta().x()
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            self._actions.zoom_about(where.x(), where.y(), _ZOOM_PER_STEP ** (turn / _WHEEL_STEP))
        elif modifiers & Qt.KeyboardModifier.ShiftModifier:
            self._display.window_level.drag(0.05 * turn / _WHEEL_STEP, 0.0)
            self._display.window_level.settle()
        else:
            # Touch pads send fractions of a step: they add up.
            self._wheel += turn
            steps = int(self._wheel / _WHEEL_STEP)
            self._wheel -= steps * _WHEEL_STEP
            if steps:
                self._actions.step(steps)
        event.accept()

    def key(self, event: QKeyEvent) -> bool:
        """Arrow and page keys change the slice, Home and End go to the first and last; + and - zoom."""
        keys, view = Qt.Key, self._view
        many = 1_000_000
        steps = {
            keys.Key_Up: 1,
            keys.Key_Down: -1,
            keys.Key_PageUp: 10,
            keys.Key_PageDown: -10,
            keys.Key_Home: -many,
            keys.Key_End: many,
        }
        zooms = {
            keys.Key_Plus: _ZOOM_PER_STEP,
            keys.Key_Equal: _ZOOM_PER_STEP,
            keys.Key_Minus: 1 / _ZOOM_PER_STEP,
        }
        key = keys(event.key())
        if key in steps:
            self._actions.step(steps[key])
        elif key in zooms:
            self._actions.zoom_about(view.width() / 2, view.height() / 2, zooms[key])
        else:
            return False
        return True
