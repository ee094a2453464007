"""Geometry of marks in a view's pixels, and the painting of marks and their labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.annotations.measurement import Measurement
from fusion3d_gui.state.display.screen_plane import ScreenPlane
from fusion3d_gui.state.marks.visible_marks import VisibleMark, visible_mark
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.measurement_text import label_lines
from fusion3d_gui.widgets.slice.crosshair_arms import Box

_HANDLE_PX = 4.0
_HEAD_PX = 12.0
_POINT_PX = 6.0
_ARC_PX = 22.0
_REACH_PX = 7.0
_MARGIN = 6.0


@dataclass(frozen=True, eq=False)
class MarkOnScreen:
    """The part of a mark that a view shows, in the view's pixels."""

    mark: VisibleMark
    lines: tuple[tuple[QPointF, ...], ...]
    handles: tuple[tuple[int, QPointF], ...]

    @property
    def annotation(self) -> Annotation:
        """The mark itself."""
        return self.mark.annotation

    @property
    def is_crossing(self) -> bool:
        """Whether a line only passes through the plane, with none of its points in it."""
        return not (self.mark.whole or self.handles or self.annotation.is_region)

    @cached_property
    def points(self) -> tuple[QPointF, ...]:
        """All points of its lines, or its handles where it has no line."""
        points = tuple(point for line in self.lines for point in line)
        return points or tuple(handle for _, handle in self.handles)

    @cached_property
    def bounds(self) -> Box:
        """Bounding box of its points: left, top, right, bottom."""
        x, y = [point.x() for point in self.points], [point.y() for point in self.points]
        return min(x), min(y), max(x), max(y)

    @property
    def room(self) -> Box:
        """Its bounding box with a margin for what is drawn around it, as the cross of a point."""
        left, top, right, bottom = self.bounds
        return left - _POINT_PX, top - _POINT_PX, right + _POINT_PX, bottom + _POINT_PX

    def handle_at(self, where: QPointF) -> int | None:
        """The number of the handle at a position (px) in the view, None without one."""
        for number, handle in self.handles:
            if _distance(where, handle) <= _REACH_PX + 2:
                return number
        return None

    def is_at(self, where: QPointF) -> bool:
        """Whether one of its lines or handles is at a position (px) in the view."""
        if self.handle_at(where) is not None:
            return True
        return any(
            _to_segment(where, line[n], line[n + 1]) <= _REACH_PX
            for line in self.lines
            for n in range(len(line) - 1)
        )


class PlaneView(Protocol):
    """A view as marks need it: its plane, and the projection of patient positions onto it."""

    @property
    def screen_plane(self) -> ScreenPlane | None:
        """The plane on screen; None without a volume."""

    def px_at(self, lps_mm: np.ndarray) -> QPointF:
        """Position (px) in the view of a patient position (mm, LPS)."""


def marks_on_screen(view: PlaneView, marks: tuple[Annotation, ...]) -> list[MarkOnScreen]:
    """The marks that touch the view's plane, in their order."""
    plane = view.screen_plane if marks else None
    if plane is None:
        return []
    # The affine map from patient space to pixels is the same for all points: composed once.
    start = view.px_at(plane.origin_lps)
    right = view.px_at(plane.origin_lps + plane.right_lps) - start
    down = view.px_at(plane.origin_lps + plane.down_lps) - start
    axes = np.array([[right.x(), right.y()], [down.x(), down.y()]])
    to_px = np.stack([plane.right_lps, plane.down_lps], axis=1) @ axes
    offset = np.array([start.x(), start.y()]) - plane.origin_lps @ to_px

    def pixels(points_lps: np.ndarray) -> tuple[QPointF, ...]:
        return tuple(QPointF(x, y) for x, y in (points_lps @ to_px + offset).tolist())

    found = []
    for annotation in marks:
        visible = visible_mark(annotation, plane)
        if visible is not None:
            handles = ((number, pixels(point[None])[0]) for number, point in visible.handles)
            lines = tuple(pixels(line) for line in visible.lines)
            found.append(MarkOnScreen(visible, lines, tuple(handles)))
    return found


def paint_mark(painter: QPainter, mark: MarkOnScreen, *, selected: bool, handles: bool) -> None:
    """Paint a mark's lines, with a dark edge to be visible on bright and on dark anatomy."""
    path = _path(mark)
    color = QColor(theme.IMAGE_TEXT if selected else theme.IMAGE_MARK)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen_color, width in ((QColor(0, 0, 0, 170), 3.6), (color, 1.6)):
        pen = QPen(pen_color, width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if not (mark.mark.whole or mark.is_crossing):
            pen.setDashPattern([3, 3])  # it leads out of this plane
        painter.setPen(pen)
        painter.drawPath(path)
    if handles:
        painter.setPen(QPen(QColor(0, 0, 0, 200), 1))
        painter.setBrush(color)
        for _, where in mark.handles:
            painter.drawEllipse(where, _HANDLE_PX, _HANDLE_PX)


def _path(mark: MarkOnScreen) -> QPainterPath:
    path = QPainterPath()
    if mark.is_crossing:
        _add_crosses(path, mark)
        return path
    for line in mark.lines:
        path.addPolygon(QPolygonF(list(line)))
    kind, ends = mark.annotation.kind, dict(mark.handles)
    if kind == "point":
        for x, y in ((1, 0), (0, 1)):
            reach = QPointF(x * _POINT_PX, y * _POINT_PX)
            path.moveTo(ends[0] - reach)
            path.lineTo(ends[0] + reach)
    elif kind == "arrow" and 0 in ends and mark.lines:
        tip, tail = mark.lines[0][0], mark.lines[0][-1]
        turn = math.atan2(tail.y() - tip.y(), tail.x() - tip.x())
        for side in (-0.45, 0.45):
            path.moveTo(tip)
            head = QPointF(math.cos(turn + side), math.sin(turn + side)) * _HEAD_PX
            path.lineTo(tip + head)
    elif kind == "angle" and {0, 1, 2} <= set(ends):
        _add_arc(path, ends[1], ends[0], ends[2])
    return path


def _add_arc(path: QPainterPath, vertex: QPointF, first: QPointF, last: QPointF) -> None:
    reach = min(_ARC_PX, _distance(vertex, first), _distance(vertex, last))
    start = math.degrees(math.atan2(vertex.y() - first.y(), first.x() - vertex.x()))
    end = math.degrees(math.atan2(vertex.y() - last.y(), last.x() - vertex.x()))
    sweep = (end - start + 180) % 360 - 180
    box = QRectF(vertex.x() - reach, vertex.y() - reach, 2 * reach, 2 * reach)
    path.arcMoveTo(box, start)
    path.arcTo(box, start, sweep)


def _add_crosses(path: QPainterPath, mark: MarkOnScreen) -> None:
    """Add a × where a line crosses the plane: the crossing itself would be too small to see."""
    for line in mark.lines:
        middle = (line[0] + line[-1]) / 2
        for x, y in ((1, 1), (1, -1)):
            reach = QPointF(x * _HANDLE_PX, y * _HANDLE_PX)
            path.moveTo(middle - reach)
            path.lineTo(middle + reach)


def paint_label(
    painter: QPainter,
    mark: MarkOnScreen,
    measurement: Measurement,
    area: QRectF,
    occupied: list[QRectF],
    avoid: list[Box],
) -> None:
    """Paint a mark's measurements beside it, inside ``area``, and add the label's box to ``occupied``.

    The label keeps off the labels already painted (``occupied``) and, where possible, off ``avoid``:
    the hot spots and the other marks. A line that only crosses the plane has none: what it measures is not
    there.
    """
    if mark.is_crossing:
        return
    lines = label_lines(measurement, whole=mark.mark.whole)
    if not lines:
        return
    chosen = theme.font(12)
    metrics = QFontMetricsF(chosen)
    width = max(metrics.horizontalAdvance(line) for line in lines) + 2 * _MARGIN
    height = metrics.lineSpacing() * len(lines) + _MARGIN
    default = QRectF(_anchor(mark), QSizeF(width, height))
    box = _least_hiding_box(default, area, occupied, mark.bounds, avoid)
    occupied.append(box)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 150))
    painter.drawRoundedRect(box, 4, 4)
    painter.setFont(chosen)
    is_there = mark.mark.whole or mark.annotation.is_region
    painter.setPen(QColor(theme.IMAGE_MARK if is_there else theme.ON_IMAGE))
    for number, line in enumerate(lines):
        top = box.top() + _MARGIN / 2 + number * metrics.lineSpacing()
        painter.drawText(QPointF(box.left() + _MARGIN, top + metrics.ascent()), line)


def _anchor(mark: MarkOnScreen) -> QPointF:
    ends = dict(mark.handles)
    gap = QPointF(10, 6)
    if mark.annotation.kind == "angle" and 1 in ends:
        return ends[1] + gap
    if mark.annotation.kind == "arrow" and 1 in ends:
        return ends[1] + gap
    if mark.annotation.is_region:
        return QPointF(mark.bounds[2] + 8, mark.bounds[1])
    return max(mark.points, key=lambda p: (p.x(), p.y())) + gap


def _least_hiding_box(
    box: QRectF, area: QRectF, occupied: list[QRectF], around: Box, avoid: list[Box]
) -> QRectF:
    """The position where the label hides least: its default, else another side of its mark (``around``)."""
    width, height = box.width(), box.height()
    x0, y0, x1, y1 = around
    others: list[Any] = [each.getCoords() for each in occupied]
    rightmost, lowest = area.right() - _MARGIN - width, area.bottom() - _MARGIN - height
    best, least = (box.left(), box.top()), math.inf
    for left, top in (
        best,
        (x1 + 8, y1 - height),
        (x1 + 8, y0),
        (x1 - width, y1 + 6),
        (x1 - width, y0 - 6 - height),
        (x0, y1 + 6),
        (x0, y0 - 6 - height),
        (x0 - 8 - width, y0),
        (x0 - 8 - width, y1 - height),
    ):
        left = max(min(left, rightmost), area.left() + _MARGIN)
        top = max(min(top, lowest), area.top() + _MARGIN)
        place = left, top, left + width, top + height
        hidden = sum(_shared(place, each) for each in avoid)
        hidden += 4 * sum(_shared(place, each) for each in others)
        if hidden < least:
            best, least = (left, top), hidden
        if not hidden:
            break
    return QRectF(*best, width, height)


def _shared(a: Box, b: Box) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def _distance(a: QPointF, b: QPointF) -> float:
    return math.hypot(a.x() - b.x(), a.y() - b.y())


def _to_segment(where: QPointF, first: QPointF, last: QPointF) -> float:
    along, away = last - first, where - first
    length2 = along.x() ** 2 + along.y() ** 2
    share = 0.0 if length2 == 0 else (away.x() * along.x() + away.y() * along.y()) / length2
    share = min(max(share, 0.0), 1.0)
    return _distance(where, first + along * share)
