"""``AlignLayer``: drags the second scan onto the first, in the second scan's views."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QMouseEvent, QPainter

from fusion3d_gui.state.beside.alignment import Alignment
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas


class AlignLayer:
    """While ``on``, a left drag moves the second scan in the plane; with ctrl it turns it about the crosshair."""

    def __init__(self, second: SecondScan, alignment: Alignment) -> None:
        self._second, self._alignment = second, alignment
        self.on = False
        self._from: QPointF | None = None

    def paint(self, view: SliceCanvas, painter: QPainter) -> None:
        """Nothing is drawn."""

    def press(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Take hold of the scan."""
        if not self.on or event.button() != Qt.MouseButton.LeftButton:
            return False
        self._from = event.position()
        return True

    def move(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Move it along, or turn it."""
        if self._from is None:
            return False
        before, now = self._from, event.position()
        plane = view.screen_plane
        if plane is not None and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            center = view.crosshair_px
            angle = math.atan2(now.y() - center.y(), now.x() - center.x()) - math.atan2(
                before.y() - center.y(), before.x() - center.x()
            )
            self._alignment.drag_turn(
                plane.normal_lps,
                math.remainder(angle, math.tau),
                self._second.display.crosshair.position_lps,
            )
        elif plane is not None:
            offset = (now - before) / view.camera.scale
            self._alignment.drag(offset.x() * plane.right_lps + offset.y() * plane.down_lps)
        self._from = now
        return True

    def release(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Let go: all of the drag is one step."""
        if self._from is None:
            return False
        self._from = None
        self._alignment.settle()
        return True

    def double_click(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Not used."""
        return False
