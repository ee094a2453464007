"""``MarkLayer``: marks over the slice views, drawn and edited with the mouse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.marks.mark_painter import (
    MarkOnScreen,
    marks_on_screen,
    paint_label,
    paint_mark,
)
from fusion3d_gui.widgets.slice.crosshair_arms import Box

if TYPE_CHECKING:
    from fusion3d_gui.widgets.slice.slice_view import SliceView

#: A press and release this near to each other (px) are a click, not a drag.
_CLICK_PX = 4.0
#: Marks smaller than this (mm) were not meant.
_SMALLEST_MM = 0.05


@dataclass(frozen=True, eq=False)
class _Grab:
    """What the mouse holds: a mark, by one of its handles or as a whole."""

    mark: Annotation
    handle: int | None
    from_px: QPointF
    from_lps: np.ndarray


class MarkLayer(QObject):
    """One for all views: a drag begun in one of them is seen in the others.

    With a tool in hand a click or a drag draws; with the crosshair in hand, marks can be taken by
    their lines or handles. Between two clicks the wheel may turn slices: a distance is three-
    dimensional. A double click on a mark asks for its text.
    """

    #: (view, number of the mark): the reader wants to write on it.
    text_requested = Signal(object, int)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._marks = session.annotations
        self._tool = session.tool
        self._spots = session.hot_spots
        self._grab: _Grab | None = None
        self._dragging = False
        self._placed: list[np.ndarray] = []
        self._plane: tuple[np.ndarray, np.ndarray] | None = None
        self._pressed_px = QPointF()
        self._hovered: int | None = None
        self._views: list[SliceView] = []
        self._found: list[OneEntryCache[list[MarkOnScreen]]] = []
        self._marks.changed.connect(self._update)
        self._marks.selection_changed.connect(self._update)
        self._tool.changed.connect(self._on_tool_changed)
        session.store.case_changed.connect(self._forget)

    def attach_to(self, view: SliceView) -> None:
        """Draw on this view, and take its mouse where there is something to draw or to drag."""
        self._views.append(view)
        self._found.append(OneEntryCache())
        view.layers.append(self)

    def cancel(self) -> bool:
        """Drop what is being drawn or dragged; whether there was something."""
        busy = bool(self._placed) or self._grab is not None
        self._forget()
        self._marks.cancel()
        return busy

    # -- painting -----------------------------------------------------------------------------

    def paint(self, view: SliceView, painter: QPainter) -> None:
        """Draw the marks that touch this view's plane, the selected one last."""
        selected = self._marks.selected
        number = None if selected is None else selected.number
        found = sorted(self._on_screen(view), key=lambda each: each.annotation.number == number)
        area = QRectF(view.rect())
        texts = view.picture.captions.areas
        taken = [QRectF(QPointF(*each[:2]), QPointF(*each[2:])) for each in texts]
        for mark in found:
            is_selected = mark.annotation.number == number
            held = is_selected or mark.annotation.number == self._hovered
            paint_mark(painter, mark, selected=is_selected, handles=held)
        spots = self._spots_on_screen(view) if found else []
        for mark in reversed(found):
            # A line's own label may lie over the box around it: there is always room beside the line.
            others = [each.room for each in found if each is not mark or mark.annotation.is_region]
            looked_at = [*spots, *others]
            paint_label(
                painter, mark, self._marks.measurement(mark.annotation), area, taken, looked_at
            )

    def _spots_on_screen(self, view: SliceView) -> list[Box]:
        """Where the plane cuts hot spots, each as a ball of its volume; also while the map is hidden, lest
        labels jump when it blinks."""
        plane = view.screen_plane
        if plane is None:
            return []
        found = []
        for spot in self._spots.spots:
            radius_mm = (0.75 / math.pi * 1000 * spot.volume_ml) ** (1 / 3)
            away_mm = float(plane.distance_mm(spot.position_lps))
            if abs(away_mm) < radius_mm:
                at = view.px_at(spot.position_lps)
                reach = math.sqrt(radius_mm**2 - away_mm**2) * view.camera.scale
                found.append((at.x() - reach, at.y() - reach, at.x() + reach, at.y() + reach))
        return found

    def _on_screen(self, view: SliceView) -> list[MarkOnScreen]:
        """The marks that touch a view's plane; asked for at every move of the mouse."""
        if not self._marks.shown:
            return []
        key = view.screen_plane, view.camera.place, self._marks.shown
        kept = self._found[self._views.index(view)]
        return kept.get(key, lambda: marks_on_screen(view, self._marks.shown))

    # -- the mouse ----------------------------------------------------------------------------

    def press(self, view: SliceView, event: QMouseEvent) -> bool:
        """Begin or go on drawing, or take a mark."""
        if event.button() == Qt.MouseButton.RightButton and self._placed:
            return self.cancel()
        if event.button() != Qt.MouseButton.LeftButton or (
            event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            return False
        where = event.position()
        self._pressed_px = where
        if self._tool.name != "crosshair":
            self._place(view, where)
            return True
        hit = self._mark_at(view, where)
        if hit is None:
            self._marks.select(None)
            return False
        self._marks.select(hit.annotation.number)
        self._grab = _Grab(hit.annotation, hit.handle_at(where), where, view.lps_at(where))
        self._dragging = False
        return True

    def move(self, view: SliceView, event: QMouseEvent) -> bool:
        """Draw on, drag, or show what could be taken."""
        where = event.position()
        if self._placed:
            self._show_draft(view, where)
            return True
        if self._grab is not None:
            if not event.buttons() & Qt.MouseButton.LeftButton:
                self._settle()  # the release got lost, as when a dialog came up
                return False
            self._dragging = self._dragging or _apart(where, self._grab.from_px) > _CLICK_PX
            if self._dragging:
                self._marks.preview(_dragged(self._grab, view.lps_at(where)))
            return True
        self._hover(view, where)
        return False

    def release(self, view: SliceView, event: QMouseEvent) -> bool:
        """End a drag; a draft drawn by dragging is done, one begun by a click goes on."""
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if self._grab is not None:
            self._settle()
            return True
        if self._placed and _apart(event.position(), self._pressed_px) > _CLICK_PX:
            self._place(view, event.position())
            return True
        return bool(self._placed)

    def double_click(self, view: SliceView, event: QMouseEvent) -> bool:
        """Ask for a mark's text; while drawing, a double click is one more press."""
        if event.button() != Qt.MouseButton.LeftButton:
            return False
        if self._tool.name != "crosshair":
            return self.press(view, event)
        hit = self._mark_at(view, event.position())
        if hit is None:
            return False
        self._marks.select(hit.annotation.number)
        self.text_requested.emit(view, hit.annotation.number)
        return True

    # -- drawing ------------------------------------------------------------------------------

    def _place(self, view: SliceView, where: QPointF) -> None:
        """One more point of the draft; the last one finishes it."""
        plane = view.screen_plane
        if plane is None or self._tool.name == "crosshair":
            return
        kind: Kind = self._tool.name
        if not self._placed:
            self._plane = (plane.right_lps, plane.down_lps)
        self._placed.append(self._point(kind, view.lps_at(where)))
        if len(self._placed) < POINT_COUNT[kind]:
            self._show_draft(view, where)
            return
        draft = self._draft(kind, self._placed)
        self._placed = []
        if _too_small(draft):
            self._marks.cancel()
            return
        self._marks.keep_draft()
        if kind == "arrow":
            self.text_requested.emit(view, draft.number)

    def _show_draft(self, view: SliceView, where: QPointF) -> None:
        assert self._tool.name != "crosshair"
        kind: Kind = self._tool.name
        here = self._point(kind, view.lps_at(where))
        missing = POINT_COUNT[kind] - len(self._placed)
        self._draft(kind, [*self._placed, *[here] * missing])

    def _draft(self, kind: Kind, points: list[np.ndarray]) -> Annotation:
        assert self._plane is not None
        right, down = self._plane
        places = tuple(as_point(point) for point in points)
        return self._marks.set_draft(kind, places, as_point(right), as_point(down))

    def _point(self, kind: Kind, lps: np.ndarray) -> np.ndarray:
        """A region's second corner stays on its plane, even if the wheel has turned since."""
        if kind not in REGIONS or not self._placed or self._plane is None:
            return lps
        right, down = self._plane
        first = self._placed[0]
        away = lps - first
        return first + (away @ right) * right + (away @ down) * down

    # -- taking and letting go ----------------------------------------------------------------

    def _mark_at(self, view: SliceView, where: QPointF) -> MarkOnScreen | None:
        hits = [mark for mark in self._on_screen(view) if mark.is_at(where)]
        selected = self._marks.selected
        for mark in hits:
            if selected is not None and mark.annotation.number == selected.number:
                return mark
        return hits[-1] if hits else None

    def _hover(self, view: SliceView, where: QPointF) -> None:
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

    def _forget(self) -> None:
        self._grab, self._placed, self._plane = None, [], None
        self._dragging = False
        self._hovered = None

    def _update(self) -> None:
        for view in self._views:
            view.update_in_turn()


def _dragged(grab: _Grab, lps: np.ndarray) -> Annotation:
    """The mark as the mouse at ``lps`` (mm) has it."""
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
