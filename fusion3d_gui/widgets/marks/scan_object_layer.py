"""``ScanObjectLayer``: the layer of the slice views that draws masks as outlines, and maps of other files as heat."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter

from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.case.scan_objects import ScanObjects
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_map import overlay_lut
from fusion3d_gui.widgets.look.halo_text import halo_text_image
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas
from fusion3d_gui.widgets.slice.slice_image import contour_image, overlay_image
from fusion3d_gui.widgets.slice.slice_view import SliceView

#: Colours of masks in turn: those that Okabe and Ito chose to be told apart by everybody, without black.
COLORS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")

#: Of a map's name in the legend.
_HEAT_COLOR = "#FFFFFF"

_LINE_PX = 2
#: A map's slowly varying values need no finer pixels than these many of the screen's.
_HEAT_PX = 2.0


#: The legend's place from the view's left and bottom edge (px at scale 1): above the scale bar.
_LEGEND_PX = (10, 56)
_MOST_NAMES = 6


@dataclass(frozen=True, eq=False)
class _Drawn:
    """An image at a place in the view (px), and its line in the legend, in a colour."""

    at: QRectF
    image: QImage
    caption: str = ""
    color: str = ""


class ScanObjectLayer(QObject):
    """One layer for all views; it leaves the mouse alone."""

    def __init__(
        self,
        store: Store,
        objects: ScanObjects,
        overlay: OverlaySettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._objects, self._overlay = store, objects, overlay
        self._views: list[SliceView] = []
        self._caches: dict[int, OneEntryCache[list[_Drawn]]] = {}
        objects.changed.connect(self._update)
        overlay.changed.connect(self._update)
        store.identity.changed.connect(self._update)

    def attach_to(self, view: SliceView) -> None:
        """Draw on this view, below the layers that it will be given later."""
        self._views.append(view)
        self._caches[id(view)] = OneEntryCache()
        view.layers.append(self)

    def paint(self, view: SliceCanvas, painter: QPainter) -> None:
        """Draw what of the masks and of the map meets the view's plane."""
        if not self._objects.any_shown or view.screen_plane is None:
            return
        ratio = painter.device().devicePixelRatioF()
        overlay = self._overlay
        key = (
            (self._objects.masks, self._objects.heat, self._store.identity.hidden),
            (view.orientation, view.picture.depth_mm, id(view.picture.matrix)),
            (*view.camera.place, view.width(), view.height(), ratio),
            (overlay.opacity, overlay.threshold, overlay.color_map, theme.scale()),
        )
        found = self._caches[id(view)].get(key, lambda: self._drawn(view, ratio))
        for drawn in found:
            painter.drawImage(drawn.at, drawn.image, QRectF(drawn.image.rect()))
        self._paint_legend(view, painter, [each for each in found if each.caption], ratio)

    def _paint_legend(
        self, view: SliceCanvas, painter: QPainter, named: list[_Drawn], ratio: float
    ) -> None:
        """Names of what is drawn, one below the other, upwards from the scale bar."""
        left, bottom = (each * theme.scale() for each in _LEGEND_PX)
        lines = [(each.caption, each.color) for each in named[:_MOST_NAMES]]
        if len(named) > _MOST_NAMES:
            lines.append((f"and {len(named) - _MOST_NAMES} more", named[-1].color))
        y = view.height() - bottom
        for caption, color in reversed(lines):
            text = halo_text_image(caption, view.font(), QColor(color), ratio)
            y -= text.height() / ratio
            painter.drawImage(QPointF(left, y), text)

    def press(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Leave the event to others."""
        return False

    def move(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Leave the event to others."""
        return False

    def release(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Leave the event to others."""
        return False

    def double_click(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Leave the event to others."""
        return False

    def _update(self) -> None:
        for view in self._views:
            view.update()

    def _drawn(self, view: SliceCanvas, ratio: float) -> list[_Drawn]:
        found = []
        heat = self._objects.heat
        if heat is not None and (image := self._heat_image(view, heat)) is not None:
            found.append(image)
        hidden = self._store.identity.hidden
        for mask, color in zip(self._objects.masks, itertools.cycle(COLORS), strict=False):
            outline = _outline(view, mask.grid, color, ratio)
            if outline is not None:
                # A name was typed by somebody, and may name the patient.
                name = "" if hidden else mask.name
                found.append(_Drawn(*outline, name, color))
        return found

    def _heat_image(self, view: SliceCanvas, heat: Volume) -> _Drawn | None:
        area = _area_of(view, heat)
        peak = float(heat.voxels.max())
        if area is None or peak <= 0:
            return None
        plane = _plane(view, area, 1 / _HEAT_PX)
        values = sample(heat, plane, outside=0.0)
        levels = (values * (255.0 / peak)).clip(0, 255).astype(np.uint8)
        overlay = self._overlay
        lut = overlay_lut(overlay.opacity, overlay.threshold, overlay.color_map)
        title = self._objects.heat_title
        return _Drawn(area, overlay_image(levels, lut).copy(), title, _HEAT_COLOR)


def _outline(
    view: SliceCanvas, grid: Volume, color: str, ratio: float
) -> tuple[QRectF, QImage] | None:
    """Where a mask's outline lies in the view, and its image; None where the plane does not meet it."""
    area = _area_of(view, grid)
    if area is None:
        return None
    plane = _plane(view, area, ratio)
    inside = sample(grid, plane, 0.0, Interpolation.NEAREST) > 0
    if not inside.any():
        return None
    lut = np.zeros(256, np.uint32)
    lut[1:] = np.uint32(QColor(color).rgba())
    levels = np.where(inside, 255, 0).astype(np.uint8)
    return area, contour_image(levels, (0.5,), lut, round(_LINE_PX * ratio)).copy()


def _area_of(view: SliceCanvas, grid: Volume) -> QRectF | None:
    """The part of the view (whole px) that a volume can cover, with room for a line; None where it is away."""
    plane = view.screen_plane
    if plane is None:
        return None
    k, j, i = grid.shape
    ends = itertools.product((-0.5, i - 0.5), (-0.5, j - 0.5), (-0.5, k - 0.5))
    corners = grid.to_lps(np.array(list(ends)))
    away = plane.distance_mm(corners)
    if away.min() > 0 or away.max() < 0:
        return None
    places = [view.px_at(corner) for corner in corners]
    left = max(0, math.floor(min(each.x() for each in places)) - _LINE_PX)
    top = max(0, math.floor(min(each.y() for each in places)) - _LINE_PX)
    right = min(view.width(), math.ceil(max(each.x() for each in places)) + _LINE_PX)
    bottom = min(view.height(), math.ceil(max(each.y() for each in places)) + _LINE_PX)
    if right - left < 1 or bottom - top < 1:
        return None
    return QRectF(left, top, right - left, bottom - top)


def _plane(view: SliceCanvas, area: QRectF, per_px: float) -> Plane:
    """The patient positions of an area of the view, ``per_px`` samples for each of its pixels."""
    columns = max(1, round(area.width() * per_px))
    rows = max(1, round(area.height() * per_px))
    across, along = area.width() / columns, area.height() / rows
    first = QPointF(area.left() + across / 2, area.top() + along / 2)
    origin = view.lps_at(first)
    right = view.lps_at(first + QPointF(across, 0)) - origin
    down = view.lps_at(first + QPointF(0, along)) - origin
    return Plane(origin, right, down, (rows, columns))
