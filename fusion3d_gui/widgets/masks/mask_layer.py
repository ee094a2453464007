"""``MaskLayer``: the layer of the slice views that draws masks, and maps of other files as heat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter

from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.case.scan_objects import ScanObjects
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.masks.mask_list import CaseMask, MaskList
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_map import overlay_lut
from fusion3d_gui.widgets.look.halo_text import halo_text_image
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas
from fusion3d_gui.widgets.slice.slice_image import mask_image, overlay_image
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.slice.volume_area import area_of, plane_of_area
from fusion3d_gui.widgets.volume.mask_silhouettes import MaskLook
from fusion3d_gui.widgets.volume.volume_view import VolumeView

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
    """An image at a place in the view (px)."""

    at: QRectF
    image: QImage


#: What was drawn of each object, by the values that it depends on besides the view.
_Kept = dict[object, _Drawn | None]


class MaskLayer(QObject):
    """One layer for all views; it leaves the mouse alone."""

    def __init__(
        self,
        store: Store,
        objects: ScanObjects,
        masks: MaskList,
        overlay: OverlaySettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._objects, self._masks, self._overlay = store, objects, masks, overlay
        self._views: list[SliceView] = []
        self._caches: dict[int, OneEntryCache[_Kept]] = {}
        objects.changed.connect(self._update)
        masks.changed.connect(self._update)
        overlay.changed.connect(self._update)
        store.identity.changed.connect(self._update)

    def attach_to(self, view: SliceView) -> None:
        """Draw on this view, below the layers that it will be given later."""
        self._views.append(view)
        self._caches[id(view)] = OneEntryCache()
        view.layers.append(self)

    def paint(self, view: SliceCanvas, painter: QPainter) -> None:
        """Draw what of the masks and of the map meets the view's plane."""
        masks, heat = self._masks.shown, self._objects.heat
        if view.screen_plane is None or (not masks and heat is None):
            return
        ratio = painter.device().devicePixelRatioF()
        place = (
            (view.orientation, view.picture.depth_mm, id(view.picture.matrix)),
            (*view.camera.place, view.width(), view.height(), ratio, theme.scale()),
        )
        before: _Kept = self._caches[id(view)].get(place, dict)
        now: _Kept = {}
        names: list[tuple[str, str]] = []
        if heat is not None:
            overlay = self._overlay
            key = (id(heat), overlay.opacity, overlay.threshold, overlay.color_map)
            now[key] = before[key] if key in before else self._heat_image(view, heat)
            if now[key] is not None:
                names.append((self._objects.heat_title, _HEAT_COLOR))
        looks = self._masks.opacity, self._masks.outlines
        for each in masks:
            of_mask = (each, *looks)
            now[of_mask] = (
                before[of_mask] if of_mask in before else _mask_drawn(view, each, looks, ratio)
            )
            if now[of_mask] is not None:
                names.append((self.caption(each), each.color))
        before.clear()
        before.update(now)
        for drawn in now.values():
            if drawn is not None:
                painter.drawImage(drawn.at, drawn.image, QRectF(drawn.image.rect()))
        self._paint_legend(view, painter, [each for each in names if each[0]], ratio)

    def attach_to_3d(self, view: VolumeView) -> None:
        """Show the masks on the 3D view too."""

        def show() -> None:
            masks = self._masks
            fill = 0.0 if masks.outlines else masks.opacity
            view.set_masks([MaskLook(each.mask.grid, each.color, fill) for each in masks.shown])

        self._masks.changed.connect(show)

    def caption(self, mask: CaseMask) -> str:
        """A mask's name in the legend; empty while the identity is hidden: a name that somebody typed may name the patient."""
        return "" if self._store.identity.hidden else mask.mask.name

    def _paint_legend(
        self, view: SliceCanvas, painter: QPainter, named: list[tuple[str, str]], ratio: float
    ) -> None:
        """Names of what is drawn, one below the other, upwards from the scale bar."""
        left, bottom = (each * theme.scale() for each in _LEGEND_PX)
        lines = named[:_MOST_NAMES]
        if len(named) > _MOST_NAMES:
            lines = [*lines, (f"and {len(named) - _MOST_NAMES} more", named[-1][1])]
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

    def _heat_image(self, view: SliceCanvas, heat: Volume) -> _Drawn | None:
        area = area_of(view, heat, _LINE_PX)
        peak = float(heat.voxels.max())
        if area is None or peak <= 0:
            return None
        values = sample(heat, plane_of_area(view, area, 1 / _HEAT_PX), outside=0.0)
        levels = (values * (255.0 / peak)).clip(0, 255).astype(np.uint8)
        overlay = self._overlay
        lut = overlay_lut(overlay.opacity, overlay.threshold, overlay.color_map)
        return _Drawn(area, overlay_image(levels, lut).copy())


def _mask_drawn(
    view: SliceCanvas, each: CaseMask, looks: tuple[float, bool], ratio: float
) -> _Drawn | None:
    """A mask's area and outline; None where the plane does not meet it."""
    opacity, only_outline = looks
    grid = each.mask.grid
    area = area_of(view, grid, _LINE_PX)
    if area is None:
        return None
    plane = plane_of_area(view, area, ratio)
    inside = sample(grid, plane, 0.0, Interpolation.NEAREST) > 0
    if not inside.any():
        return None
    fill = 0.0 if only_outline else opacity
    image = mask_image(inside, QColor(each.color), fill, round(_LINE_PX * ratio))
    return _Drawn(area, image.copy())
