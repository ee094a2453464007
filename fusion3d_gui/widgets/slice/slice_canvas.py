"""``SliceCanvas``: paints one plane of the volume; its subclass ``SliceView`` handles mouse and keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget
from shiboken6 import isValid

from fusion3d_gui.imaging.plane import Orientation
from fusion3d_gui.imaging.reslice.slicer import Slice, Slicer
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.corner_text import corner_lines, is_lossy, warning_texts
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.display.screen_plane import ScreenPlane
from fusion3d_gui.state.prediction.predictions import HeatmapLoss
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.look.position_text import window_text
from fusion3d_gui.widgets.slice import crosshair_arms
from fusion3d_gui.widgets.slice.captions import CaptionTexts
from fusion3d_gui.widgets.slice.crosshair_arms import Arm, PaintedCrosshair
from fusion3d_gui.widgets.slice.heat.heat_scale import HeatScale
from fusion3d_gui.widgets.slice.plane_text import image_text, position_text
from fusion3d_gui.widgets.slice.plane_traces import PlaneTraces
from fusion3d_gui.widgets.slice.slice_picture import SlicePicture
from fusion3d_gui.widgets.slice.stamp import Stamp, stamp_of

#: Once nothing has moved for so long (ms), a coarse preview is replaced by the final resolution.
_SETTLED_MS = 120
#: One view after the other, so that they don't take one long time together.
_SETTLED_APART_MS = 40
#: A new slab is read from much of the volume: the views show it one after the other, so far apart (ms).
_SLAB_APART_MS = 20
_order = itertools.count()


class SliceCanvas(QWidget):
    """One plane to scale: image, heatmap, the traces of the other planes, and captions."""

    #: The orientation has changed: other planes, or flipped or rotated ones.
    orientation_changed = Signal()

    def __init__(
        self, orientation: Orientation, display: Display, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.camera = Camera()
        self.display = display
        self.picture = SlicePicture(orientation, display)
        #: Whether patient and series are named in a corner; one view of a layout does, at any size.
        self.names_patient = True
        #: Warnings beside those of the volume: about what is drawn over it.
        self.warnings_over: tuple[str, ...] = ()
        #: Why a heatmap has gone; None where none has.
        self.heatmap_loss: HeatmapLoss | None = None
        #: Whether the heatmap's colour scale is shown.
        self.with_heat_scale = True
        self._plane_cache: OneEntryCache[ScreenPlane] = OneEntryCache()
        self._traces_cache: OneEntryCache[PlaneTraces] = OneEntryCache()
        self._texts_cache: OneEntryCache[CaptionTexts] = OneEntryCache()
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._order = next(_order) % 4
        self._settling.setInterval(_SETTLED_MS + self._order * _SETTLED_APART_MS)
        self._finishing: Iterator[None] | None = None
        self._awaits_turn = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(140, 120)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName(f"{orientation.name} view")
        self._painted = PaintedCrosshair()
        display.crosshair.moved.connect(self._on_crosshair_moved)
        display.smoothing.changed.connect(self._on_moved)
        display.slab.changed.connect(self._on_slab_changed)
        for signal in (
            display.window_level.changed,
            display.overlay.changed,
            display.cine.changed,
        ):
            signal.connect(self.update)
        display.planes.changed.connect(self._on_planes_changed)
        self._settling.timeout.connect(self._on_settled)

    def sizeHint(self) -> QSize:
        """The smallest useful size; the layout gives more."""
        return QSize(400, 400)

    # -- contents -----------------------------------------------------------------------------

    @property
    def orientation(self) -> Orientation:
        """The planes that the view shows, with flips and rotations."""
        return self.picture.orientation

    @property
    def slicer(self) -> Slicer | None:
        """The slicer of the volume, in plane space; None without a volume."""
        return self.picture.slicer

    @property
    def heatmap(self) -> Heatmap | None:
        """The heatmap over the anatomy."""
        return self.picture.heatmap

    @property
    def is_settled(self) -> bool:
        """Whether the image has its final resolution."""
        busy = self._settling.isActive() or self.display.paint_queue.is_waiting(self)
        return not busy and self._finishing is None and not self._awaits_turn

    def await_turn(self) -> None:
        """Show nothing until it is this view's turn: several views would take one long time together.

        Nor what it showed before, which may be of another patient than the rest of the window.
        """
        self._awaits_turn = True
        self.update()
        # Not under the view itself, which asks for turns of its own.
        self.display.paint_queue.add(self.picture, self._take_turn)

    def _take_turn(self) -> None:
        self._awaits_turn = False
        if isValid(self):
            self.update()

    def set_volume(self, volume: Volume | None) -> None:
        """Show a volume, fitted and without a heatmap; None shows nothing."""
        self.picture.set_volume(volume)
        self._painted.forget()
        for kept in (self._plane_cache, self._texts_cache):
            kept.clear()  # their keys would keep the last volume in memory
        self._fit_plane()

    def set_heatmap(self, heatmap: Heatmap | None, top: float | None = None) -> None:
        """Set the heatmap, with the value at its scale's top (None: its peak); None removes it."""
        self.picture.set_heatmap(heatmap, top)
        self.update()

    def set_orientation(self, orientation: Orientation) -> None:
        """Set the orientation: other planes, or flipped or rotated ones."""
        if orientation != self.orientation:
            self.picture.orientation = orientation
            self.setAccessibleName(f"{orientation.name} view")
            self._fit_plane()
            self.orientation_changed.emit()

    def _fit_plane(self) -> None:
        slicer = self.slicer
        if slicer is not None:
            self.camera.show(slicer.rect(self.orientation))
        self.update()

    @property
    def shown_slice(self) -> Slice | None:
        """The slice at the crosshair, computed when first asked for."""
        return self.picture.slice_for(self.camera)

    # -- coordinates --------------------------------------------------------------------------

    def _to_plane_space(self, lps_mm: np.ndarray) -> np.ndarray:
        matrix = self.picture.matrix
        position: np.ndarray = np.asarray(lps_mm, float) @ matrix[:3, :3].T + matrix[:3, 3]
        return position

    def _to_patient(self, place_mm: np.ndarray) -> np.ndarray:
        matrix = self.picture.matrix
        # Rigid: its inverse is its transpose.
        position: np.ndarray = (place_mm - matrix[:3, 3]) @ matrix[:3, :3]
        return position

    def lps_at(self, where: QPointF) -> np.ndarray:
        """Patient position (mm, LPS) at a position (px) in the widget."""
        u, v = self.camera.to_mm(where.x(), where.y())
        return self._to_patient(self.orientation.to_lps(u, v, self.picture.depth_mm))

    def px_at(self, lps_mm: np.ndarray) -> QPointF:
        """Position (px) in the widget of a patient position (mm, LPS), projected along the plane's normal."""
        u, v = self.orientation.to_screen(self._to_plane_space(lps_mm))
        return QPointF(*self.camera.to_px(float(u), float(v)))

    @property
    def crosshair_px(self) -> QPointF:
        """Position (px) of the crosshair in the widget."""
        return self.px_at(self.display.crosshair.position_lps)

    @property
    def screen_plane(self) -> ScreenPlane | None:
        """The plane on screen, in the patient; None without a volume."""
        slicer = self.slicer
        if slicer is None:
            return None
        key = slicer, self.orientation, self.picture.depth_mm, self.display.slab.slab
        return self._plane_cache.get(key, self._plane_now)

    def _plane_now(self) -> ScreenPlane:
        orientation, to_patient = self.orientation, self.picture.matrix[:3, :3].T
        return ScreenPlane(
            self._to_patient(orientation.to_lps(0.0, 0.0, self.picture.depth_mm)),
            to_patient @ orientation.right_lps,
            to_patient @ orientation.down_lps,
            self.picture.thickness_mm,
        )

    @property
    def arms(self) -> list[Arm]:
        """The traces of the other planes on this one."""
        if self.slicer is None:
            return []
        slab_px = self.display.slab.slab.thickness_mm * self.camera.scale
        return [Arm(name, *along, slab_px) for name, along in self._traces.traces]

    @property
    def _traces(self) -> PlaneTraces:
        """What changes only with the planes, kept until they do."""
        planes, orientation = self.display.planes, self.orientation
        key = planes.version, orientation
        return self._traces_cache.get(key, lambda: PlaneTraces.of(planes, orientation))

    def grip_at(self, where: QPointF) -> Arm | None:
        """The arm whose grip is at a position (px) in the widget; None without one."""
        return crosshair_arms.grip_at(self.arms, self.crosshair_px, QRectF(self.rect()), where)

    # -- updates ------------------------------------------------------------------------------

    def _on_moved(self) -> None:
        self._painted.forget()
        self._on_crosshair_moved()

    def _on_crosshair_moved(self) -> None:
        self._hurry()
        if self.slicer is None or self.picture.has_slice(self.camera):
            area = QRectF(self.rect())
            lines = self._painted.moved(self.arms, self.crosshair_px, area, self._below_crosshair)
            self.update() if lines is None else self.update(lines)
        else:
            self.update_in_turn()

    @property
    def _below_crosshair(self) -> object:
        """Equal for as long as nothing but the crosshair's lines looks different."""
        picture, slab = self.picture, self.display.slab.slab
        plane = self.slicer, self.orientation, picture.depth_mm, slab, picture.hurried
        return None if self.shows_grips else (plane, self.camera.place, self.rect())

    def update_in_turn(self) -> None:
        """Paint this view again, one view after the other: where each of them takes its time."""
        if self.isVisible():
            self.display.paint_queue.add(self, self._repaint)

    def _repaint(self) -> None:
        if isValid(self):
            self.repaint()

    def _on_slab_changed(self) -> None:
        self._hurry()
        QTimer.singleShot(self._order * _SLAB_APART_MS, self, self.update)

    def _hurry(self) -> None:
        """Show a coarse preview until nothing has moved for a while."""
        slicer = self.slicer
        if slicer is not None and not slicer.is_aligned and self.isVisible():
            self.picture.hurried = True
            self._finishing = None
            self._settling.start()

    def _on_planes_changed(self) -> None:
        slicer = self.slicer
        if slicer is not None:
            self.camera.rebound(slicer.rect(self.orientation))
        self._on_moved()

    def _on_settled(self) -> None:
        self.picture.hurried = False
        if self.picture.unfinished and self.isVisible():
            # In steps of their own, never within a paint, and in turns: several views settle at once.
            self._finishing = self.picture.finishing(self.camera)
            self.display.paint_queue.add(self._finish, self._finish)
        else:
            self.update()

    def _finish(self) -> None:
        """One short step towards the final resolution, then back to the event loop."""
        if self._finishing is None or not isValid(self):
            return
        if next(self._finishing, self) is self:
            self._finishing = None
            self.update()
        else:
            self.display.paint_queue.add(self._finish, self._finish)

    # -- painting -----------------------------------------------------------------------------

    @property
    def shows_grips(self) -> bool:
        """Whether the arms' grips are shown and can be dragged."""
        return False

    def paint_over(self, painter: QPainter) -> None:
        """Paint the layers above everything else."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the plane fitted, or else the centre in place."""
        self.camera.resize(self.width(), self.height())
        self._on_moved()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the view. Slices are computed here and not when the state changes: at most one per frame."""
        painter = QPainter(self)
        slicer = self.slicer
        self._painted.forget()
        if slicer is None or self._awaits_turn:
            painter.fillRect(self.rect(), QColor(theme.IMAGE))
        else:
            area = QRectF(self.rect())
            self.picture.paint(painter, self.camera, area, self._caption_texts(slicer))
            self._paint_over(painter, area)
            self._painted.set(self.crosshair_px, self._below_crosshair)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.LINE), 1))
            painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    def _paint_over(self, painter: QPainter, area: QRectF) -> None:
        texts = self.picture.captions.areas
        crosshair_arms.paint_arms(
            painter, self.arms, self.crosshair_px, area, texts, with_grips=self.shows_grips
        )
        self.paint_over(painter)

    def _caption_texts(self, slicer: Slicer) -> CaptionTexts:
        display, picture = self.display, self.picture
        key = (
            (slicer, picture.overlay_is_on, self._stamp),
            (self.orientation, picture.depth_mm, display.slab.slab),
            (display.window_level.window, self.camera.zoom, self._cine_text),
            (self.names_patient, self.with_heat_scale, self.warnings_over),
            (display.window_level.inverted, picture.heatmap, self._heat_scale),
        )
        return self._texts_cache.get(key, lambda: self._compute_texts(slicer))

    def _compute_texts(self, slicer: Slicer) -> CaptionTexts:
        orientation, picture, volume = self.orientation, self.picture, self.picture.volume
        assert volume is not None
        slab = self.display.slab.slab
        return CaptionTexts(
            title=orientation.name,
            position=position_text(picture, slicer, slab),
            slice_count=f"{image_text(picture, slicer, slab)}{self._cine_text}",
            window=window_text(self.display.window_level.window),
            zoom="" if abs(self.camera.zoom - 1) < 0.01 else f"{self.camera.zoom:.1f} ×",
            sides=self._traces.sides,
            corner=corner_lines(volume) if self.names_patient else (),
            lossy=is_lossy(volume),
            warnings=(*self.warnings_over, *warning_texts(volume)),
            inverted=self.display.window_level.inverted,
            heat=self._heat_scale,
            heat_note=self._heat_note,
            stamp=self._stamp,
        )

    @property
    def _stamp(self) -> Stamp:
        is_on, overlay = self.picture.overlay_is_on, self.display.overlay
        loss = self.heatmap_loss if self.picture.with_overlay and overlay.visible else None
        return stamp_of(self.picture.heatmap, loss, is_on=is_on)

    @property
    def _heat_note(self) -> str:
        """Caption: whether the heatmap is corrected for the displacement of its model's maps."""
        heatmap = self.picture.heatmap
        if heatmap is None or heatmap.correction is None or self._heat_scale is None:
            return ""
        return f"heatmap {heatmap.correction.text}"

    @property
    def _heat_scale(self) -> HeatScale | None:
        overlay = self.display.overlay
        # It stays while the map blinks: nothing else should catch the eye.
        if not (self.with_heat_scale and self.picture.overlay_is_on):
            return None
        heatmap = self.picture.heatmap
        top = self.picture.heat_top if heatmap is not None and heatmap.has_unit else None
        return HeatScale(overlay.threshold, overlay.color_map, top, overlay.kept_top is not None)

    @property
    def _cine_text(self) -> str:
        cine = self.display.cine
        return f"   cine {cine.speed}/s" if cine.turns(self) else ""
