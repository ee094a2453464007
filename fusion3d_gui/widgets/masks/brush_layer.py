"""``BrushLayer``: the layer of the slice views in which masks are brushed, erased and filled with the mouse."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPen

from fusion3d_gui.state.marks.tool import Tool
from fusion3d_gui.state.masks.mask_drawing import MaskDrawing
from fusion3d_gui.state.masks.mask_list import MaskList
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas
from fusion3d_gui.widgets.slice.slice_view import SliceView


class BrushLayer(QObject):
    """One layer for all views, which uses the left button while a tool for masks is chosen.

    With shift the button moves the image, as always.
    """

    def __init__(
        self,
        store: Store,
        tool: Tool,
        drawing: MaskDrawing,
        masks: MaskList,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._tool, self._drawing, self._masks = store, tool, drawing, masks
        self._views: list[SliceView] = []
        self._stroke_on: SliceCanvas | None = None
        self._pointer: tuple[SliceCanvas, QPointF] | None = None
        for signal in (tool.changed, drawing.changed, masks.changed):
            signal.connect(self._update)
        tool.changed.connect(self.cancel)
        store.case_opened.connect(self.cancel)

    def attach_to(self, view: SliceView) -> None:
        """Draw on this view, and use its mouse events."""
        self._views.append(view)
        view.layers.append(self)

    def cancel(self, *_: object) -> None:
        """End the stroke; what was drawn stays, as one step of undo."""
        if self._stroke_on is not None:
            self._stroke_on = None
            self._drawing.end()

    def paint(self, view: SliceCanvas, painter: QPainter) -> None:
        """Draw the brush where the pointer is."""
        tool = self._tool.mask
        if tool not in ("brush", "eraser") or self._pointer is None or self._pointer[0] is not view:
            return
        target = self._drawing.target
        color = QColor("#FFFFFF" if tool == "eraser" or target is None else target.color)
        radius = self._drawing.radius_mm * view.camera.scale
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for width, ink in ((3.0, QColor(0, 0, 0, 160)), (1.4, color)):
            pen = QPen(ink, width)
            if tool == "eraser":
                pen.setStyle(Qt.PenStyle.DashLine)
            painter.setPen(pen)
            painter.drawEllipse(self._pointer[1], radius, radius)
        painter.restore()

    # -- the mouse ----------------------------------------------------------------------------

    def press(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Begin a stroke, or fill."""
        tool = self._tool.mask
        if tool is None or event.button() != Qt.MouseButton.LeftButton:
            return False
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            return False
        case, plane = self._store.case, view.screen_plane
        if case is None or not case.is_complete or plane is None:
            return True
        place = view.lps_at(event.position())
        if tool == "fill":
            self._drawing.fill(place)
            return True
        self._stroke_on = view
        self._drawing.begin(place, plane.normal_lps, erase=tool == "eraser")
        return True

    def move(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Go on with the stroke; the brush follows the pointer."""
        if self._tool.mask is None:
            return False
        self._pointer = view, event.position()
        view.update()
        if self._stroke_on is not view:
            return False
        plane = view.screen_plane
        if not event.buttons() & Qt.MouseButton.LeftButton or plane is None:
            self.cancel()  # the release was lost, as when a dialog opened
            return False
        erase = self._tool.mask == "eraser"
        self._drawing.go_on(view.lps_at(event.position()), plane.normal_lps, erase=erase)
        return True

    def release(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """End the stroke."""
        if event.button() != Qt.MouseButton.LeftButton or self._stroke_on is None:
            return False
        self.cancel()
        return True

    def double_click(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """One more press."""
        return self.press(view, event) if self._tool.mask is not None else False

    def _update(self) -> None:
        if self._tool.mask is None:
            self._pointer = None
        for view in self._views:
            view.update()
