"""``VolumeView``: a 3D view of the volume and the heatmap, as a lit surface or a MIP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.imaging.display.window import to_gray
from fusion3d_gui.imaging.plane import Rect, spatial_letters
from fusion3d_gui.imaging.reslice.volume_projection import (
    ProjectedImage,
    VolumeProjector,
    prepare_heatmap_projector,
    prepare_projector,
)
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.corner_text import corner_lines, warning_texts
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.prediction.predictions import HeatmapLoss
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_map import anatomy_colors, overlay_lut
from fusion3d_gui.widgets.look.position_text import window_text
from fusion3d_gui.widgets.slice.captions import Captions, CaptionTexts
from fusion3d_gui.widgets.slice.slice_image import GrayRenderer, overlay_image, rgb_image
from fusion3d_gui.widgets.slice.stamp import stamp_of
from fusion3d_gui.widgets.slice.warning_tip import show_warning_tip
from fusion3d_gui.widgets.volume.find_ray_caster import find_ray_caster
from fusion3d_gui.widgets.volume.orbit import Orbit
from fusion3d_gui.widgets.volume.viewpoint import Viewpoint
from fusion3d_gui.widgets.volume.volume_mouse import VolumeMouse

if TYPE_CHECKING:
    from fusion3d_gui.widgets.volume.ray_caster import RayCaster

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
        self._volume: Volume | None = None
        self._heatmap: Heatmap | None = None
        self._top = 0.0
        self._anatomy: VolumeProjector | None = None
        self._heat: VolumeProjector | None = None
        self._work: Iterator[VolumeProjector | None] | None = None
        self._captions = Captions()
        self._caster: RayCaster | None = None
        self._has_probed = False
        #: Whether patient and series are named in a corner: where no slice view does.
        self.names_patient = False
        #: Why a heatmap has gone; None where none has.
        self.heatmap_loss: HeatmapLoss | None = None
        #: The lit surface of what is bright under the window, or the maximum intensity projection.
        self.shows_surface = True
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
        for signal in (display.crosshair.moved, display.window_level.changed):
            signal.connect(self.update)
        display.overlay.changed.connect(self._on_overlay_changed)

    def sizeHint(self) -> QSize:
        """The smallest useful size; the layout gives more."""
        return QSize(400, 400)

    # -- contents -----------------------------------------------------------------------------

    def set_volume(self, volume: Volume | None) -> None:
        """Show a volume, without a heatmap; None shows nothing. Another scan is seen from the usual side."""
        before = self._volume
        if before is None or volume is None or before.voxels is not volume.voxels:
            self.orbit = Orbit()
        self._volume, self._heatmap = volume, None
        self._anatomy = self._heat = self._work = None
        self._spin.stop()
        if volume is not None:
            low, high = volume.bounds_lps
            reach = float(np.linalg.norm(high - low)) / 2
            self.camera.show(Rect(-0.7 * reach, -0.7 * reach, 1.4 * reach, 1.4 * reach))
        self.update()

    def set_heatmap(self, heatmap: Heatmap | None) -> None:
        """Set the heatmap; None removes it."""
        self._heatmap, self._heat = heatmap, None
        self._top = 0.0 if heatmap is None else self.display.overlay.top_of(heatmap)
        if self._anatomy is not None:
            self._work = None
        self.update()

    def _on_overlay_changed(self) -> None:
        if self._heatmap is not None and self.display.overlay.top_of(self._heatmap) != self._top:
            self.set_heatmap(self._heatmap)
        self.update()

    @property
    def is_settled(self) -> bool:
        """Whether preparation is complete."""
        missing = self._anatomy is None or (self._heat is None and self._has_heat)
        return self._volume is None or not missing

    @property
    def _has_heat(self) -> bool:
        return self._heatmap is not None and self._heatmap.peak > 0

    @property
    def spinning(self) -> bool:
        """Whether the view rotates by itself."""
        return self._spin.isActive()

    def toggle_surface(self) -> None:
        """Switch between the lit surface and the maximum intensity projection."""
        self.shows_surface = not self.shows_surface
        self.update()

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

    # -- preparation --------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Continue the preparation for a moment."""
        if self._volume is None or not self.isVisible():
            return
        if self._work is None:
            if self._anatomy is None:
                self._work = prepare_projector(self._volume)
            elif self._heat is None and self._heatmap is not None and self._has_heat:
                self._work = prepare_heatmap_projector(
                    self._heatmap.as_volume, self._top, self._anatomy
                )
            else:
                return
        end = time.perf_counter() + _BUDGET_S
        while time.perf_counter() < end:
            made = next(self._work)
            if made is not None:
                if self._anatomy is None:
                    self._anatomy = made
                else:
                    self._heat = made
                self._work = None
                self.update()
                return
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
        volume = self._volume
        if volume is None or (
            volume.loaded_slices is not None and not volume.loaded_slices.is_complete
        ):
            return
        self._paint_volume(painter, volume)
        painter.resetTransform()
        self._paint_crosshair(painter, volume)
        self._captions.paint(painter, self._caption_texts(volume), self.camera, area)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.LINE), 1))
            painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()
        if self._work is None:
            QTimer.singleShot(0, self, self._prepare)

    def _paint_volume(self, painter: QPainter, volume: Volume) -> None:
        if self._anatomy is None:
            painter.setPen(QColor(theme.ON_IMAGE))
            painter.setFont(theme.font())
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "Preparing 3D…")
            return
        cast = self._cast(volume, self._anatomy, painter.device().devicePixelRatioF())
        if cast is not None:
            painter.drawImage(QPointF(0, 0), cast)
            return
        axes = self.axes_lps
        level, overlay = self.display.window_level, self.display.overlay
        colors = anatomy_colors(level.color_map, level.inverted)
        if self.shows_surface:
            flat, _ = self._anatomy.surface(*axes, self._least_stored(volume))
            image = rgb_image(colors[flat.values])
        else:
            flat = self._anatomy.project(*axes)
            image = GrayRenderer(volume, level.window, colors).image(flat.values)
        self._draw(painter, volume, flat, image)
        if self._heat is not None and overlay.is_drawn:
            heat = self._heat.project(*axes)
            lut = overlay_lut(overlay.opacity, overlay.threshold, overlay.color_map)
            self._draw(painter, volume, heat, overlay_image(heat.values, lut))

    def _least_stored(self, volume: Volume) -> float:
        """Threshold of the surface: a quarter of the way from black to white in the window level."""
        window = self.display.window_level.window
        return (window.low + 0.25 * window.width - volume.intercept) / volume.slope

    def _cast(self, volume: Volume, anatomy: VolumeProjector, ratio: float) -> QImage | None:
        """The image rendered by the graphics card, in device pixels; None where it cannot."""
        if not self._has_probed:
            self._has_probed, self._caster = True, find_ray_caster()
        caster = self._caster
        if caster is None:
            return None
        if not caster.has_loaded(anatomy, self._heat):
            caster.load(anatomy, self._heat)
        level, overlay = self.display.window_level, self.display.overlay
        right, down = self.axes_lps
        u, v = self.camera.to_mm(self.width() / 2, self.height() / 2)
        low, high = (
            (each - volume.intercept) / volume.slope
            for each in (level.window.low, level.window.high)
        )
        grays = to_gray(np.linspace(low, high, 256, dtype=np.float32)[None], volume, level.window)
        colors = anatomy_colors(level.color_map, level.inverted)
        image = caster.render(
            Viewpoint(
                right,
                down,
                volume.center_lps + u * right + v * down,
                self.camera.scale * ratio,
                low,
                high,
                self._least_stored(volume) if self.shows_surface else None,
            ),
            colors if self.shows_surface else colors[grays[0]],
            overlay_lut(overlay.opacity, overlay.threshold, overlay.color_map)
            if self._heat is not None and overlay.is_drawn
            else None,
            self.size() * ratio,
        )
        if image is None:
            # After one failure the driver is not used again.
            self._caster = None
            return None
        image.setDevicePixelRatio(ratio)
        return image

    def _draw(self, painter: QPainter, volume: Volume, flat: ProjectedImage, image: QImage) -> None:
        right, down = self.axes_lps
        u0, v0 = float(volume.center_lps @ right), float(volume.center_lps @ down)
        (a, b, u), (c, d, v) = flat.to_screen
        scale = self.camera.scale
        x, y = self.camera.to_px(u - u0, v - v0)
        # Pixel centres lie half a pixel inside the picture.
        painter.setTransform(
            QTransform(a * scale, c * scale, b * scale, d * scale, x, y).translate(-0.5, -0.5)
        )
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QPointF(0, 0), image)

    def px_at(self, lps_mm: np.ndarray) -> QPointF:
        """Position (px) in the widget of a patient position (mm, LPS)."""
        assert self._volume is not None
        from_center = np.asarray(lps_mm) - self._volume.center_lps
        right, down = self.axes_lps
        return QPointF(*self.camera.to_px(float(from_center @ right), float(from_center @ down)))

    def _paint_crosshair(self, painter: QPainter, volume: Volume) -> None:
        at = self.px_at(self.display.crosshair.position_lps)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme.IMAGE_ACCENT), 1.2))
        for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            painter.drawLine(at + QPointF(5 * x, 5 * y), at + QPointF(13 * x, 13 * y))

    def _caption_texts(self, volume: Volume) -> CaptionTexts:
        right, down = self.axes_lps
        left, top = spatial_letters(-right), spatial_letters(-down)
        return CaptionTexts(
            title="3D",
            position=self.orbit.text,
            slice_count="surface" if self.shows_surface else "MIP",
            window=window_text(self.display.window_level.window),
            zoom="" if self.camera.is_fitted else f"{self.camera.zoom:.1f} ×",
            sides=(left, spatial_letters(right), top, spatial_letters(down)),
            corner=corner_lines(volume) if self.names_patient else (),
            warnings=warning_texts(volume),
            stamp=stamp_of(
                self._heatmap,
                self.heatmap_loss if self.display.overlay.visible else None,
                is_on=self._has_heat and self.display.overlay.visible,
            ),
        )

    def event(self, event: QEvent) -> bool:
        """Tell the reasons of warnings where the pointer rests on them."""
        told = show_warning_tip(self, event, self._captions, self._volume)
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
        if self._volume is not None:
            self.menu_requested.emit(where)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Request to be maximised, or restored."""
        if event.button() == Qt.MouseButton.LeftButton and self._volume is not None:
            self.maximise_requested.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer."""
        where = event.position()
        factor = _ZOOM_PER_STEP ** (event.angleDelta().y() / 120)
        self.camera.zoom_about(where.x(), where.y(), factor)
        self.update()
        event.accept()
