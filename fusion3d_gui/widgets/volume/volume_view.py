"""``VolumeView``: a 3D view of the volume and the heatmap, as a lit surface, translucent or a MIP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.imaging.plane import Rect, spatial_letters
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.corner_text import corner_lines, warning_texts
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.prediction.predictions import HeatmapLoss
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.position_text import window_text
from fusion3d_gui.widgets.slice.captions import Captions, CaptionTexts
from fusion3d_gui.widgets.slice.stamp import stamp_of
from fusion3d_gui.widgets.slice.warning_tip import show_warning_tip
from fusion3d_gui.widgets.volume.look_text import cut_text, level_text
from fusion3d_gui.widgets.volume.mask_silhouettes import MaskLook
from fusion3d_gui.widgets.volume.orbit import Orbit
from fusion3d_gui.widgets.volume.volume_mouse import VolumeMouse
from fusion3d_gui.widgets.volume.volume_picture import VolumePicture

#: Preparation works for so long (s) at a time, then returns to the event loop.
_BUDGET_S = 0.004
_ZOOM_PER_STEP = 1.15
_SPIN_MS = 40
_SPIN_DEGREES = 2.0


class VolumeView(QWidget):
    """A lit surface or a maximum intensity projection. Left drag turns it, right drag changes the window, the wheel
    zooms, a double click asks to be maximised."""

    maximise_requested = Signal()
    #: The context menu is requested at this position (QPoint) in the view.
    menu_requested = Signal(QPoint)

    def __init__(self, display: Display, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.camera = Camera()
        self.display = display
        self.picture = VolumePicture(display)
        self._captions = Captions()
        #: Whether patient and series are named in a corner: where no slice view does.
        self.names_patient = False
        #: Why a heatmap has gone; None where none has.
        self.heatmap_loss: HeatmapLoss | None = None
        self.orbit = Orbit()
        self._mouse = VolumeMouse(display.window_level, self)
        self._mouse.turned.connect(self.turn)
        self._mouse.panned.connect(self._on_panned)
        self._mouse.menu_requested.connect(self._on_menu_requested)
        self._spin = QTimer(self)
        self._spin.setInterval(_SPIN_MS)
        self._spin.timeout.connect(lambda: self.turn(_SPIN_DEGREES, 0.0))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(140, 120)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("3D view")
        self.setToolTip("Drag to rotate")
        for signal in (
            display.crosshair.moved,
            display.window_level.changed,
            display.volume_look.changed,
        ):
            signal.connect(self.update)
        display.overlay.changed.connect(self._on_overlay_changed)

    def sizeHint(self) -> QSize:
        """The smallest useful size; the layout gives more."""
        return QSize(400, 400)

    # -- contents -----------------------------------------------------------------------------

    def set_volume(self, volume: Volume | None) -> None:
        """Show a volume, without a heatmap; None shows nothing. Another scan is seen from the usual side."""
        before = self.picture.volume
        if before is None or volume is None or before.voxels is not volume.voxels:
            self.orbit = Orbit()
        self.picture.set_volume(volume)
        self._spin.stop()
        if volume is not None:
            low, high = volume.bounds_lps
            reach = float(np.linalg.norm(high - low)) / 2
            self.camera.show(Rect(-0.7 * reach, -0.7 * reach, 1.4 * reach, 1.4 * reach))
        self.update()

    def set_heatmap(self, heatmap: Heatmap | None) -> None:
        """Set the heatmap; None removes it."""
        self.picture.set_heatmap(heatmap)
        self.update()

    def set_masks(self, masks: Sequence[MaskLook]) -> None:
        """Show these masks as silhouettes."""
        self.picture.masks.show(masks)
        self.update()

    def _on_overlay_changed(self) -> None:
        self.picture.follow_scale()
        self.update()

    @property
    def is_settled(self) -> bool:
        """Whether preparation is complete."""
        return self.picture.is_settled

    @property
    def spinning(self) -> bool:
        """Whether the view rotates by itself."""
        return self._spin.isActive()

    def toggle_spin(self) -> None:
        """Start or stop rotating by itself."""
        if self._spin.isActive():
            self._spin.stop()
        else:
            self._spin.start()

    def turn(self, degrees: float, tilt_degrees: float) -> None:
        """Rotate (degrees) about the patient's long axis, and tilt towards or away from the reader."""
        self.orbit.turn(degrees, tilt_degrees)
        self.update()

    def fit(self) -> None:
        """Fit the whole volume."""
        self.camera.fit()
        self.update()

    @property
    def axes_lps(self) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors (LPS) to the screen's right and down; at 0° the patient is seen from the front."""
        return self.orbit.axes_lps

    def _prepare(self) -> None:
        """Continue the preparation for a moment."""
        if not self.isVisible() or self.picture.is_settled:
            return
        if self.picture.prepare(_BUDGET_S):
            self.update()
        else:
            QTimer.singleShot(0, self, self._prepare)

    # -- painting -----------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the volume fitted."""
        self.camera.resize(self.width(), self.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the projection, or that it is being prepared."""
        painter = QPainter(self)
        area = QRectF(self.rect())
        painter.fillRect(area, QColor(theme.IMAGE))
        volume = self.picture.volume
        if volume is None or (
            volume.loaded_slices is not None and not volume.loaded_slices.is_complete
        ):
            return
        if self.picture.is_ready:
            self.picture.paint(painter, self.axes_lps, self.camera, self.size())
        else:
            painter.setPen(QColor(theme.ON_IMAGE))
            painter.setFont(theme.font())
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Preparing 3D…")
        self._paint_crosshair(painter)
        self._captions.paint(painter, self._caption_texts(volume), self.camera, area)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.LINE), 1))
            painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()
        if not self.picture.is_preparing:
            QTimer.singleShot(0, self, self._prepare)

    def px_at(self, lps_mm: np.ndarray) -> QPointF:
        """Position (px) in the widget of a patient position (mm, LPS)."""
        assert self.picture.volume is not None
        from_center = np.asarray(lps_mm) - self.picture.volume.center_lps
        right, down = self.axes_lps
        return QPointF(*self.camera.to_px(float(from_center @ right), float(from_center @ down)))

    def _paint_crosshair(self, painter: QPainter) -> None:
        at = self.px_at(self.display.crosshair.position_lps)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.IMAGE_ACCENT), 1.2))
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            painter.drawLine(at + QPointF(5 * x, 5 * y), at + QPointF(13 * x, 13 * y))

    def _caption_texts(self, volume: Volume) -> CaptionTexts:
        right, down = self.axes_lps
        left, top = spatial_letters(-right), spatial_letters(-down)
        look, window = self.display.volume_look, self.display.window_level.window
        return CaptionTexts(
            title="3D",
            position="   ".join(each for each in (self.orbit.text, cut_text(look)) if each),
            slice_count=level_text(look, window),
            window=window_text(window),
            zoom="" if self.camera.is_fitted else f"{self.camera.zoom:.1f} ×",
            sides=(left, spatial_letters(right), top, spatial_letters(down)),
            corner=corner_lines(volume) if self.names_patient else (),
            warnings=warning_texts(volume),
            stamp=stamp_of(
                self.picture.heatmap,
                self.heatmap_loss if self.display.overlay.visible else None,
                is_on=self.picture.has_heat and self.display.overlay.visible,
            ),
        )

    def event(self, event: QEvent) -> bool:
        """Tell the reasons of warnings where the pointer rests on them."""
        told = show_warning_tip(self, event, self._captions, self.picture.volume)
        return told or super().event(event)

    # -- mouse --------------------------------------------------------------------------------

    def zoom(self, factor: float) -> None:
        """Zoom about the middle."""
        self.camera.zoom_about(self.width() / 2, self.height() / 2, factor)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to rotate, or to change the window level."""
        self._mouse.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Continue the drag."""
        self._mouse.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag, or click."""
        self._mouse.release(event)

    def _on_panned(self, x_px: float, y_px: float) -> None:
        self.camera.pan(x_px, y_px)
        self.update()

    def _on_menu_requested(self, where: QPoint) -> None:
        if self.picture.volume is not None:
            self.menu_requested.emit(where)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Request to be maximised, or restored."""
        if event.button() == Qt.MouseButton.LeftButton and self.picture.volume is not None:
            self.maximise_requested.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        where = event.position()
        factor = _ZOOM_PER_STEP ** (event.angleDelta().y() / 120)
        self.camera.zoom_about(where.x(), where.y(), factor)
        self.update()
        event.accept()
