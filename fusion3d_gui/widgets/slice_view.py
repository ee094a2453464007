"""``SliceView``: one plane of the volume under mouse, wheel and keys."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.imaging.plane import Orientation, Slice, Slicer
from fusion3d_gui.imaging.volume import spatial_letters
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.camera import Camera
from fusion3d_gui.state.display import Display
from fusion3d_gui.state.screen_plane import ScreenPlane
from fusion3d_gui.widgets import slice_painter, theme
from fusion3d_gui.widgets.color_map import overlay_lut
from fusion3d_gui.widgets.slice_image import overlay_image, slice_image
from fusion3d_gui.widgets.view_layer import ViewLayer

Drag = Literal["crosshair", "window", "pan"]

#: A drag across this many px changes the window by its default width.
_WINDOW_DRAG_PX = 350.0
_ZOOM_PER_STEP = 1.15
_WHEEL_STEP = 120


class SliceView(QWidget):
    """One plane along patient axes, in true millimetres, linked to the others by the crosshair.

    Left drag moves the crosshair, right drag changes the window, middle or shift+left drag pans, the
    wheel turns slices, ctrl+wheel zooms about the pointer, double click asks to be maximised.
    """

    maximise_requested = Signal()
    #: Patient position (ndarray, mm LPS) under the pointer; None once it has left.
    hovered = Signal(object)

    _CURSORS: ClassVar[dict[Drag | None, Qt.CursorShape]] = {
        None: Qt.CursorShape.CrossCursor,
        "crosshair": Qt.CursorShape.CrossCursor,
        "window": Qt.CursorShape.SizeAllCursor,
        "pan": Qt.CursorShape.ClosedHandCursor,
    }

    def __init__(
        self, orientation: Orientation, display: Display, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.orientation = orientation
        self.camera = Camera()
        self._display = display
        self._slicer: Slicer | None = None
        self._heatmap: Heatmap | None = None
        self._slice: Slice | None = None
        self._image: QImage | None = None
        self._overlay: QImage | None = None
        self._drag: Drag | None = None
        self._drag_from = QPointF()
        self._before_click = display.crosshair.position_lps
        self._wheel = 0
        #: What lies over the picture and may take the mouse; the first is painted first and asked first.
        self.layers: list[ViewLayer] = []
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(140, 120)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(f"{orientation.name} view")
        self._connect()

    def _connect(self) -> None:
        self._display.crosshair.moved.connect(self._on_crosshair_moved)
        self._display.window_level.changed.connect(self._on_window_changed)
        self._display.overlay.changed.connect(self._on_overlay_changed)

    def sizeHint(self) -> QSize:
        """Large enough to read; the layout gives more."""
        return QSize(400, 400)

    # -- what it shows ------------------------------------------------------------------------

    def set_slicer(self, slicer: Slicer | None) -> None:
        """Show another volume, fitted; None: nothing."""
        self._slicer = slicer
        self._heatmap = None
        self._slice = self._image = self._overlay = None
        self.setCursor(self._CURSORS[None] if slicer else Qt.CursorShape.ArrowCursor)
        if slicer is not None:
            self.camera.show(slicer.rect(self.orientation))
        self.update()

    def set_heatmap(self, heatmap: Heatmap | None) -> None:
        """Lay a heatmap over the anatomy; None: none."""
        self._heatmap = heatmap
        self._overlay = None
        self.update()

    @property
    def depth_mm(self) -> float:
        """Patient coordinate of the plane on screen, along its normal."""
        return float(self._display.crosshair.position_lps[self.orientation.depth])

    @property
    def shown_slice(self) -> Slice | None:
        """The slice for the present crosshair, cut when first asked for."""
        if self._slice is None and self._slicer is not None:
            self._slice = self._slicer.cut(self.orientation, self.depth_mm)
        return self._slice

    def fit(self) -> None:
        """Show the whole plane."""
        self.camera.fit()
        self.update()

    def step(self, slices: int) -> None:
        """Go so many slices on: up, forward or to the left of the patient."""
        if self._slicer is None:
            return
        index = self._slicer.index_at(self.orientation, self.depth_mm)
        position = self._display.crosshair.position_lps
        position[self.orientation.depth] = self._slicer.depth_of(
            self.orientation, index + slices * self.orientation.toward
        )
        self._display.crosshair.move_to(position)

    def lps_at(self, where: QPointF) -> np.ndarray:
        """Patient position (mm, LPS) under a point of the widget."""
        u, v = self.camera.to_mm(where.x(), where.y())
        piece = self.shown_slice
        return self.orientation.to_lps(u, v, self.depth_mm if piece is None else piece.depth_mm)

    def px_at(self, lps_mm: np.ndarray) -> QPointF:
        """Where in the widget a patient position (mm, LPS) is, seen along the plane's normal."""
        u, v = self.orientation.to_screen(lps_mm)
        return QPointF(*self.camera.to_px(float(u), float(v)))

    @property
    def screen_plane(self) -> ScreenPlane | None:
        """The plane on screen, in the patient; None without a volume."""
        piece = self.shown_slice
        if self._slicer is None or piece is None:
            return None
        orientation = self.orientation
        return ScreenPlane(
            orientation.to_lps(0.0, 0.0, piece.depth_mm),
            orientation.right_lps,
            orientation.down_lps,
            self._slicer.pitch_mm(orientation),
        )

    def _on_crosshair_moved(self) -> None:
        if self._slicer is not None and self._slice is not None:
            index = self._slicer.index_at(self.orientation, self.depth_mm)
            if self._slicer.depth_of(self.orientation, index) != self._slice.depth_mm:
                self._slice = self._image = self._overlay = None
        self.update()

    def _on_window_changed(self) -> None:
        self._image = None
        self.update()

    def _on_overlay_changed(self) -> None:
        self._overlay = None
        self.update()

    # -- painting -----------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the plane fitted, or the centre where it is."""
        self.camera.resize(self.width(), self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what changed state left undrawn: slices are cut here, at most one per frame."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.IMAGE))
        if self._slicer is not None:
            self._paint_slice(painter, self._slicer)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.LINE), 1))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _paint_slice(self, painter: QPainter, slicer: Slicer) -> None:
        piece = self.shown_slice
        assert piece is not None
        if self._image is None:
            window = self._display.window_level.window
            self._image = slice_image(piece, slicer.volume, window)
        slice_painter.paint_image(painter, self.camera, piece.rect, self._image)
        overlay = self._display.overlay
        if self._heatmap is not None and self._heatmap.peak > 0 and overlay.visible:
            if self._overlay is None:
                lut = overlay_lut(overlay.opacity, overlay.threshold)
                self._overlay = overlay_image(self._heatmap, self.orientation, piece, lut)
            slice_painter.paint_image(painter, self.camera, piece.rect, self._overlay)
        area = QRectF(self.rect())
        u, v = self.orientation.to_screen(self._display.crosshair.position_lps)
        slice_painter.paint_crosshair(painter, self.camera, float(u), float(v), area)
        for layer in self.layers:
            painter.save()
            layer.paint(self, painter)
            painter.restore()
        slice_painter.paint_letters(painter, self.orientation, area)
        slice_painter.paint_caption(painter, self._caption(slicer, piece), area)
        slice_painter.paint_scale_bar(painter, self.camera, area)

    def _caption(self, slicer: Slicer, piece: Slice) -> slice_painter.Caption:
        orientation = self.orientation
        axis = np.eye(3)[orientation.depth]
        letter = spatial_letters(axis if piece.depth_mm >= 0 else -axis)
        number = slicer.index_at(orientation, piece.depth_mm) + 1
        window = self._display.window_level.window
        zoom = "" if abs(self.camera.zoom - 1) < 0.01 else f"{self.camera.zoom:.1f} ×"
        return slice_painter.Caption(
            title=orientation.name,
            position=f"{letter} {abs(piece.depth_mm):.1f} mm",
            slice_count=f"{number} / {slicer.count(orientation)}",
            window=f"C {_short(window.center)}  W {_short(window.width)}",
            zoom=zoom,
        )

    # -- mouse, wheel and keys ----------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin the drag that this button means, unless a layer takes it."""
        if self._slicer is None or any(layer.press(self, event) for layer in self.layers):
            return
        buttons, shift = Qt.MouseButton, event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if event.button() == buttons.MiddleButton or (
            event.button() == buttons.LeftButton and shift
        ):
            self._drag = "pan"
        elif event.button() == buttons.LeftButton:
            self._drag = "crosshair"
            self._before_click = self._display.crosshair.position_lps
            self._display.crosshair.move_to(self.lps_at(event.position()))
        elif event.button() == buttons.RightButton:
            self._drag = "window"
        self._drag_from = event.position()
        self.setCursor(self._CURSORS[self._drag])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the drag; tell what lies under the pointer."""
        if self._slicer is None:
            return
        if self._drag is None and any(layer.move(self, event) for layer in self.layers):
            self.hovered.emit(self.lps_at(event.position()))
            return
        delta = event.position() - self._drag_from
        self._drag_from = event.position()
        if self._drag == "crosshair":
            self._display.crosshair.move_to(self.lps_at(event.position()))
        elif self._drag == "pan":
            self.camera.pan(delta.x(), delta.y())
            self.update()
        elif self._drag == "window":
            self._display.window_level.drag(
                delta.x() / _WINDOW_DRAG_PX, delta.y() / _WINDOW_DRAG_PX
            )
        self.hovered.emit(self.lps_at(event.position()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag."""
        if self._drag is None and any(layer.release(self, event) for layer in self.layers):
            return
        self._drag = None
        if self._slicer is not None:
            self.setCursor(self._CURSORS[None])

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask to be maximised, or to be one of several again."""
        if self._slicer is not None and any(
            layer.double_click(self, event) for layer in self.layers
        ):
            return
        if event.button() == Qt.MouseButton.LeftButton and self._slicer is not None:
            # Its first click moved the crosshair, which nobody who double clicks means.
            self._display.crosshair.move_to(self._before_click)
            self.maximise_requested.emit()

    def enterEvent(self, event: QEnterEvent) -> None:
        """The keys go to the view under the pointer, unless the user is typing elsewhere."""
        if isinstance(self.window().focusWidget(), SliceView):
            self.setFocus(Qt.FocusReason.MouseFocusReason)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        self.hovered.emit(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Turn slices, or zoom about the pointer with ctrl."""
        if self._slicer is None:
            return
        turn = event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            where = event.position()
            self.camera.zoom_about(where.x(), where.y(), _ZOOM_PER_STEP ** (turn / _WHEEL_STEP))
            self.update()
        else:
            # Touch pads send fractions of a step.
            self._wheel += turn
            steps = int(self._wheel / _WHEEL_STEP)
            self._wheel -= steps * _WHEEL_STEP
            if steps:
                self.step(steps)
                self.hovered.emit(self.lps_at(event.position()))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow and page keys turn slices; plus, minus zoom."""
        keys = Qt.Key
        steps = {keys.Key_Up: 1, keys.Key_Down: -1, keys.Key_PageUp: 10, keys.Key_PageDown: -10}
        zooms = {
            keys.Key_Plus: _ZOOM_PER_STEP,
            keys.Key_Equal: _ZOOM_PER_STEP,
            keys.Key_Minus: 1 / _ZOOM_PER_STEP,
        }
        key = keys(event.key())
        if key in steps:
            self.step(steps[key])
        elif key in zooms:
            self.camera.zoom_about(self.width() / 2, self.height() / 2, zooms[key])
            self.update()
        else:
            super().keyPressEvent(event)


def _short(value: float) -> str:
    """A window edge as one reads it: whole numbers when large, few digits when small."""
    if abs(value) >= 100 or value == round(value):
        # Halves away from zero, as in the boxes of the header.
        return str(int(value + math.copysign(0.5, value)))
    return f"{value:.3g}"
