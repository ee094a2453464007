"""``MarkLayer``: the layer of the slice views in which marks are drawn and edited with the mouse."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter

from fusion3d_gui.imaging.annotations.annotation import (
    POINT_COUNT,
    REGIONS,
    Annotation,
    Kind,
    as_point,
)
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.marks.tool import Tool
from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.marks.mark_painter import (
    MarkOnScreen,
    marks_on_screen,
    paint_label,
    paint_mark,
)
from fusion3d_gui.widgets.slice.crosshair_arms import Box
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas
from fusion3d_gui.widgets.slice.slice_view import SliceView

#: A press and release this near to each other (px) are a click, not a drag.
_CLICK_PX = 4.0
#: A mark smaller than this (mm) is dropped: a slip of the mouse.
_SMALLEST_MM = 0.05


@dataclass(frozen=True, eq=False)
class _Grab:
    """The mark that is being dragged, by one of its handles or (``handle`` None) as a whole."""

    mark: Annotation
    handle: int | None
    from_px: QPointF
    from_lps: np.ndarray


class MarkLayer(QObject):
    """One layer for all views: a drag begun in one of them is seen in the others.

    With a drawing tool chosen, a click or a drag draws; with the crosshair, marks are dragged by their
    lines or handles. Between two clicks the wheel may change the slice, as distances are three-
    dimensional. A double click on a mark opens the editor of its text.
    """

    #: (view, number of the mark): the reader wants to edit its text.
    text_requested = Signal(object, int)

    def __init__(
        self,
        store: Store,
        marks: Annotations,
        tool: Tool,
        spots: HotSpotList,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._marks, self._tool, self._spots = marks, tool, spots
        self._grab: _Grab | None = None
        self._dragging = False
        self._draft_points: list[np.ndarray] = []
        self._plane: tuple[np.ndarray, np.ndarray] | None = None
        self._pressed_px = QPointF()
        self._hovered: int | None = None
        self._views: list[SliceCanvas] = []
        self._on_screen_caches: list[OneEntryCache[list[MarkOnScreen]]] = []
        self._marks.changed.connect(self._update)
        self._marks.selection_changed.connect(self._update)
        self._tool.changed.connect(self._on_tool_changed)
        store.case_changed.connect(self._reset)

    def attach_to(self, view: SliceView) -> None:
        """Draw on this view, and use its mouse events to draw and drag marks."""
        self._views.append(view)
        self._on_screen_caches.append(OneEntryCache())
        view.layers.append(self)

    def is_on(self, view: SliceCanvas) -> bool:
        """Whether it draws on this view."""
        return view in self._views

    def cancel(self) -> bool:
        """Drop the draft or the drag; True if there was one."""
        busy = bool(self._draft_points) or self._grab is not None
        self._reset()
        self._marks.cancel()
        return busy

    def select_at(self, view: SliceCanvas, where: QPointF) -> int | None:
        """Select the mark at a position (px) of a view, and return its number; None: none is there."""
        hit = self._mark_at(view, where)
        if hit is None:
            return None
        self._marks.select(hit.annotation.number)
        return hit.annotation.number

    # -- painting -----------------------------------------------------------------------------

    def paint(self, view: SliceCanvas, painter: QPainter) -> None:
        """Draw the marks that touch the view's plane, the selected one last."""
        selected = self._marks.selected
        number = None if selected is None else selected.number
        found = sorted(self._on_screen(view), key=lambda each: each.annotation.number == number)
        area = QRectF(view.rect())
        texts = view.picture.captions.areas
        occupied = [QRectF(QPointF(*each[:2]), QPointF(*each[2:])) for each in texts]
        for mark in found:
            is_selected = mark.annotation.number == number
            held = is_selected or mark.annotation.number == self._hovered
            paint_mark(painter, mark, selected=is_selected, handles=held)
        spots = self._spots_on_screen(view) if found else []
        for mark in reversed(found):
            # A line's own label may lie over the box around it: there is always room beside the line.
            others = [each.room for each in found if each is not mark or mark.annotation.is_region]
            avoid = [*spots, *others]
            paint_label(
                painter, mark, self._marks.measurement(mark.annotation), area, occupied, avoid
            )

    def _spots_on_screen(self, view: SliceCanvas) -> list[Box]:
        """Bounding boxes (px) of the hot spots that the plane cuts, each taken as a ball of its volume.

        Also while the heatmap is hidden, so that labels don't jump when it blinks.
        """
        plane = view.screen_plane
        if plane is None:
            return []
        found = []
        for spot in self._spots.spots:
            away_mm = float(plane.distance_mm(spot.position_lps))
            if abs(away_mm) < spot.radius_mm:
                at = view.px_at(spot.position_lps)
                reach = math.sqrt(spot.radius_mm**2 - away_mm**2) * view.camera.scale
                found.append((at.x() - reach, at.y() - reach, at.x() + reach, at.y() + reach))
        return found

    def _on_screen(self, view: SliceCanvas) -> list[MarkOnScreen]:
        """The marks that touch the view's plane; cached, as every mouse move asks for them."""
        if not self._marks.shown:
            return []
        key = view.screen_plane, view.camera.place, self._marks.shown
        kept = self._on_screen_caches[self._views.index(view)]
        return kept.get(key, lambda: marks_on_screen(view, self._marks.shown))

    # -- the mouse ----------------------------------------------------------------------------

    def press(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Add a point to the draft, or select a mark and begin to drag it."""
        if event.button() == Qt.MouseButton.RightButton and self._draft_points:
            return self.cancel()
        if event.button() != Qt.MouseButton.LeftButton or (
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            return False
        where = event.position()
        self._pressed_px = where
        if self._tool.mark is not None:
            self._add_point(view, where)
            return True
        if self._tool.name != "crosshair":
            return False
        hit = self._mark_at(view, where)
        if hit is None:
            self._marks.select(None)
            return False
        self._marks.select(hit.annotation.number)
        self._grab = _Grab(hit.annotation, hit.handle_at(where), where, view.lps_at(where))
        self._dragging = False
        return True

    def move(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Update the draft or the drag, or highlight the mark under the pointer."""
        where = event.position()
        if self._draft_points:
            self._show_draft(view, where)
            return True
        if self._grab is not None:
            if not event.buttons() & Qt.MouseButton.LeftButton:
                self._settle()  # the release was lost, as when a dialog opened
                return False
            self._dragging = self._dragging or _apart(where, self._grab.from_px) > _CLICK_PX
            if self._dragging:
                self._marks.preview(_dragged(self._grab, view.lps_at(where)))
            return True
        self._hover(view, where)
        return False

    def release(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """End a drag; a draft drawn by dragging ends too, one drawn by clicks goes on."""
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if self._grab is not None:
            self._settle()
            return True
        if self._draft_points and _apart(event.position(), self._pressed_px) > _CLICK_PX:
            self._add_point(view, event.position())
            return True
        return bool(self._draft_points)

    def double_click(self, view: SliceCanvas, event: QMouseEvent) -> bool:
        """Open the editor of a mark's text; while drawing, a double click is one more press."""
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if self._tool.mark is not None:
            return self.press(view, event)
        hit = self._mark_at(view, event.position())
        if hit is None:
            return False
        self._marks.select(hit.annotation.number)
        self.text_requested.emit(view, hit.annotation.number)
        return True

    # -- drawing ------------------------------------------------------------------------------

    def _add_point(self, view: SliceCanvas, where: QPointF) -> None:
        """Add a point to the draft; the last one completes the mark."""
        plane = view.screen_plane
        kind = self._tool.mark
        if plane is None or kind is None:
            return
        if not self._draft_points:
            self._plane = (plane.right_lps, plane.down_lps)
        self._draft_points.append(self._point(kind, view.lps_at(where)))
        if len(self._draft_points) < POINT_COUNT[kind]:
            self._show_draft(view, where)
            return
        draft = self._draft(kind, self._draft_points)
        self._draft_points = []
        if _too_small(draft):
            self._marks.cancel()
            return
        self._marks.keep_draft()
        if kind == "arrow":
            self.text_requested.emit(view, draft.number)

    def _show_draft(self, view: SliceCanvas, where: QPointF) -> None:
        kind = self._tool.mark
        assert kind is not None
        here = self._point(kind, view.lps_at(where))
        missing = POINT_COUNT[kind] - len(self._draft_points)
        self._draft(kind, [*self._draft_points, *[here] * missing])

    def _draft(self, kind: Kind, points: list[np.ndarray]) -> Annotation:
        assert self._plane is not None
        right, down = self._plane
        places = tuple(as_point(point) for point in points)
        return self._marks.set_draft(kind, places, as_point(right), as_point(down))

    def _point(self, kind: Kind, lps: np.ndarray) -> np.ndarray:
        """A point of the draft (mm, LPS); a region's second corner is projected onto its first plane."""
        if kind not in REGIONS or not self._draft_points or self._plane is None:
            return lps
        right, down = self._plane
        first = self._draft_points[0]
        away = lps - first
        projected: np.ndarray = first + (away @ right) * right + (away @ down) * down
        return projected

    # -- selecting and dragging ---------------------------------------------------------------

    def _mark_at(self, view: SliceCanvas, where: QPointF) -> MarkOnScreen | None:
        hits = [mark for mark in self._on_screen(view) if mark.is_at(where)]
        selected = self._marks.selected
        for mark in hits:
            if selected is not None and mark.annotation.number == selected.number:
                return mark
        return hits[-1] if hits else None

    def _hover(self, view: SliceCanvas, where: QPointF) -> None:
        hit = self._mark_at(view, where) if self._tool.name == "crosshair" else None
        number = None if hit is None else hit.annotation.number
        if number != self._hovered:
            self._hovered = number
            shape = Qt.CursorShape
            view.setCursor(shape.CrossCursor if hit is None else shape.PointingHandCursor)
            self._update()

    def _settle(self) -> None:
        self._grab = None
        self._dragging = False
        self._marks.settle()

    def _on_tool_changed(self) -> None:
        self.cancel()

    def _reset(self) -> None:
        self._grab, self._draft_points, self._plane = None, [], None
        self._dragging = False
        self._hovered = None

    def _update(self) -> None:
        for view in self._views:
            view.update_in_turn()


def _dragged(grab: _Grab, lps: np.ndarray) -> Annotation:
    """The dragged mark with the mouse at ``lps`` (mm)."""
    by = lps - grab.from_lps
    mark = grab.mark
    if grab.handle is None:
        return mark.moved(by)
    if mark.is_region:
        corners = mark.box_corners_lps()
        return mark.with_points(
            np.stack([corners[grab.handle] + by, corners[(grab.handle + 2) % 4]])
        )
    points = mark.points_lps
    points[grab.handle] += by
    return mark.with_points(points)


def _too_small(mark: Annotation) -> bool:
    if mark.kind == "point":
        return False
    if mark.is_region:
        return 2 * min(mark.half_size_mm) < _SMALLEST_MM
    points = mark.points_lps
    return bool(np.linalg.norm(np.diff(points, axis=0), axis=1).min() < _SMALLEST_MM)


def _apart(a: QPointF, b: QPointF) -> float:
    return math.hypot(a.x() - b.x(), a.y() - b.y())
