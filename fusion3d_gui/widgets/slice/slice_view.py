"""``SliceView``: one plane of the volume under mouse, wheel and keys."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QEnterEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from fusion3d_gui.imaging.plane import ORIENTATIONS, Orientation
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.arrangement import CameraPose
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas
from fusion3d_gui.widgets.slice.slice_mouse import SliceMouse
from fusion3d_gui.widgets.slice.view_layer import ViewLayer
from fusion3d_gui.widgets.slice.warning_tip import show_warning_tip


class SliceView(SliceCanvas):
    """One plane to scale, linked to the other views by the crosshair.

    See :class:`SliceMouse` for what the mouse does.
    """

    maximise_requested = Signal()
    #: Patient position (ndarray, mm LPS) under the pointer; None once it has left.
    hovered = Signal(object)
    #: The view was zoomed, panned or fitted.
    camera_changed = Signal()
    #: The context menu is requested at this position (QPoint) in the view.
    menu_requested = Signal(QPoint)

    def __init__(
        self, orientation: Orientation, display: Display, parent: QWidget | None = None
    ) -> None:
        super().__init__(orientation, display, parent)
        #: Layers over the image; painted, and offered mouse events, in this order.
        self.layers: list[ViewLayer] = []
        self._mouse = SliceMouse(self, self)
        self._pointer: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_volume(self, volume: Volume | None) -> None:
        """Show a volume, fitted and without a heatmap; None shows nothing."""
        super().set_volume(volume)
        self.setCursor(SliceMouse.CURSORS[None] if volume else Qt.CursorShape.ArrowCursor)

    # -- navigation ---------------------------------------------------------------------------

    def fit(self) -> None:
        """Fit the whole plane."""
        self.camera.fit()
        self._on_camera_changed()

    def actual_size(self) -> None:
        """Zoom so that one screen pixel is one voxel, along its finer side in the plane."""
        volume = self.picture.volume
        if volume is not None:
            self.camera.zoom_to(1.0 / (min(volume.spacing_mm) * self.devicePixelRatioF()))
            self._on_camera_changed()

    def zoom_about(self, x_px: float, y_px: float, factor: float) -> None:
        """Zoom by a factor about a pixel, which keeps its patient position."""
        self.camera.zoom_about(x_px, y_px, factor)
        self._on_camera_changed()

    def pan(self, right_px: float, down_px: float) -> None:
        """Pan by so many pixels."""
        self.camera.pan(right_px, down_px)
        self._on_camera_changed()

    def follow(self, other: SliceView) -> None:
        """Take orientation, centre and zoom from another view."""
        self.set_orientation(other.orientation)
        self.camera.follow(other.camera)
        self._on_moved()

    def take_pose(self, pose: CameraPose) -> None:
        """Show what a camera of the same plane showed at another time."""
        self.camera.take(pose)
        self._on_camera_changed()

    def _on_crosshair_moved(self) -> None:
        super()._on_crosshair_moved()
        # The patient position under a resting pointer has changed.
        self._tell_hovered()

    def _tell_hovered(self) -> None:
        if self._pointer is not None and self.slicer is not None:
            self.hovered.emit(self.lps_at(self._pointer))

    def _on_camera_changed(self) -> None:
        self._on_moved()
        self.camera_changed.emit()

    def step(self, slices: int) -> None:
        """Move by so many slices: up, forward or to the left of the patient."""
        slicer, depth = self.slicer, self.orientation.depth
        if slicer is None:
            return
        before = self.picture.depth_mm
        after = slicer.step_depth(self.orientation, before, slices * self.orientation.forward_sign)
        place = self._to_plane_space(self.display.crosshair.position_lps)
        place[depth] = after
        self.display.crosshair.move_to(self._to_patient(place))

    def cycle(self) -> None:
        """Go to the next plane, after the last one to the first."""
        slicer = self.slicer
        if slicer is not None:
            before = self.display.crosshair.position_lps
            self.step(1)
            if np.allclose(before, self.display.crosshair.position_lps):
                self.step(-slicer.count(self.orientation))

    def turn_others(self, radians: float, only: str | None = None) -> None:
        """Rotate the other planes, or the named one, about the crosshair; clockwise as seen here, in radians."""
        plane = self.screen_plane
        if plane is not None:
            names = [each.name for each in ORIENTATIONS if each.name != self.orientation.name]
            self.display.planes.turn(
                names if only is None else [only],
                plane.normal_lps,
                radians,
                self.display.crosshair.position_lps,
            )

    def maximise(self) -> None:
        """Ask to fill the layout, or to be one of several views again."""
        self.maximise_requested.emit()

    def open_menu(self, at: QPoint) -> None:
        """Ask for the menu of what this view can show."""
        self.menu_requested.emit(at)

    # -- painting -----------------------------------------------------------------------------

    @property
    def shows_grips(self) -> bool:
        """Whether the arms can be taken hold of just now."""
        return self.underMouse() and self._mouse.drag in (None, "turn")

    def paint_over(self, painter: QPainter) -> None:
        """Paint the layers."""
        for layer in self.layers:
            painter.save()
            layer.paint(self, painter)
            painter.restore()

    # -- mouse, wheel and keys ----------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin the button's drag, unless a layer handles the event."""
        if self.slicer is not None and not any(each.press(self, event) for each in self.layers):
            self._mouse.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Continue the drag; emit the position under the pointer."""
        if self.slicer is None:
            return
        free = self._mouse.drag is None
        self._pointer = None  # emitted once, when all has moved
        if not (free and any(each.move(self, event) for each in self.layers)):
            self._mouse.move(event)
        self._pointer = event.position()
        self._tell_hovered()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag, unless a layer handles the event."""
        free = self._mouse.drag is None
        if self.slicer is not None and not (
            free and any(each.release(self, event) for each in self.layers)
        ):
            self._mouse.release(event)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Request to be maximised, or restored, unless a layer handles the event."""
        if self.slicer is not None and not any(
            each.double_click(self, event) for each in self.layers
        ):
            self._mouse.double_click(event)

    def event(self, event: QEvent) -> bool:
        """Tell the reasons of warnings where the pointer rests on them."""
        told = show_warning_tip(self, event, self.picture.captions, self.picture.volume)
        return told or super().event(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Take the keyboard focus, unless the user is typing elsewhere."""
        if isinstance(self.window().focusWidget(), SliceView):
            self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Emit that no position is under the pointer."""
        self._pointer = None
        self.hovered.emit(None)
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Change the slice, the zoom or the window level."""
        if self.slicer is not None:
            self._pointer = event.position()
            self._mouse.wheel(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Open the menu by its key; by the mouse a click does, once it was no drag."""
        if self.slicer is not None and event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.open_menu(self.rect().center())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrow and page keys change the slice; plus and minus zoom."""
        if self.slicer is None or not self._mouse.key(event):
            super().keyPressEvent(event)
