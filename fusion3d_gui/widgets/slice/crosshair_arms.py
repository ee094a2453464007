"""The crosshair's arms: the traces of the other planes on this one, with grips to rotate them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QRegion

from fusion3d_gui.imaging.plane import cross_product
from fusion3d_gui.widgets.look.row_bands import row_bands

#: The arms leave this much (px) free around their centre, so that they hide nothing they point at.
_GAP = 12.0
#: Grips lie at this share of the view's shorter side from the centre.
_GRIP_AT = 0.36
_GRIP_RADIUS = 4.5
_GRIP_REACH = 11.0
#: The lines end this far (px) from the view's edges, where the letters are.
_INSET = 30.0
#: A line is painted within this distance (px) of where it runs.
_REACH = 2.0
_INSIDE = (_INSET, _INSET, -_INSET, -_INSET)

#: Cool colours, for the warm ones belong to the heatmap.
COLORS = {"Axial": "#56b6d8", "Coronal": "#41c48d", "Sagittal": "#b9a2ff"}


#: Left, top, right and bottom of a rectangle in a view's pixels.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Arm:
    """One line through the crosshair: the trace of the plane called ``name``.

    ``x``, ``y`` is a unit vector along it on screen; ``slab_px`` how thick the other plane's slab is.
    """

    name: str
    x: float
    y: float
    slab_px: float = 0.0


def grip_at(arms: list[Arm], center: QPointF, area: QRectF, where: QPointF) -> Arm | None:
    """The arm whose grip is at a position (px); None without one."""
    for arm in arms:
        for grip in _grips(arm, center, area):
            if math.hypot(grip.x() - where.x(), grip.y() - where.y()) <= _GRIP_REACH:
                return arm
    return None


class PaintedCrosshair:
    """Where a view painted the crosshair last: as it moves, its lines are all that is painted again."""

    def __init__(self) -> None:
        self._center: QPointF | None = None
        self._below: object = None

    def forget(self) -> None:
        """What is on screen is not known any more."""
        self._center = self._below = None

    def set(self, center: QPointF, below: object) -> None:
        """The lines were painted through a position (px), over what ``below`` is equal for; None: that may change."""
        self._center, self._below = center, below

    def moved(
        self, arms: list[Arm], center: QPointF, area: QRectF, below: object
    ) -> QRegion | None:
        """Where the lines were and where they are through a position (px) now; None: anything may look different."""
        if self._center is None or below is None or below != self._below:
            return None
        if any(arm.x and arm.y for arm in arms):
            return None  # a slanting line's rectangle is the whole view
        found = QRegion()
        for at in (self._center, center):
            for arm in arms:
                reach = _REACH + arm.slab_px / 2
                across, along = (reach, area.height()) if arm.x == 0 else (area.width(), reach)
                line = QRectF(at.x() - across, at.y() - along, 2 * across, 2 * along)
                found += QRegion(line.toAlignedRect())
        return found


def paint_arms(
    painter: QPainter,
    arms: list[Arm],
    center: QPointF,
    area: QRectF,
    texts: list[Box],
    *,
    with_grips: bool,
) -> None:
    """Paint the lines across the view, the edges of slabs dashed, and the grips if asked for.

    Nothing is drawn through ``texts``, the places of what is written there.
    """
    inside: Any = area.adjusted(*_INSIDE).getCoords()
    # On pixel centres, so that a straight one-pixel line stays one pixel wide.
    center = QPointF(math.floor(center.x()) + 0.5, math.floor(center.y()) + 0.5)
    for arm in arms:
        color = QColor(COLORS[arm.name])
        color.setAlpha(190)
        _paint_line(painter, arm, center, inside, texts, QPen(color, 1.0), _GAP)
        if arm.slab_px > 4.0:
            color.setAlpha(110)
            dashed = QPen(color, 1.0, Qt.PenStyle.DashLine)
            for sign in (-0.5, 0.5):
                edge = center + QPointF(-arm.y, arm.x) * (sign * arm.slab_px)
                _paint_line(painter, arm, edge, inside, texts, dashed)
    if with_grips:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for arm in arms:
            painter.setPen(QPen(QColor(COLORS[arm.name]), 1.5))
            painter.setBrush(QColor(0, 0, 0, 150))
            for grip in _grips(arm, center, area):
                painter.drawEllipse(grip, _GRIP_RADIUS, _GRIP_RADIUS)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_line(
    painter: QPainter,
    arm: Arm,
    through: QPointF,
    area: Box,
    texts: list[Box],
    pen: QPen,
    gap: float = 0.0,
) -> None:
    """Paint a line across an area, interrupted at texts, and by ``gap`` on both sides of a point."""
    x, y = through.x(), through.y()
    within = _covered(arm, x, y, area)
    if within is None:
        return
    pieces = [within]
    breaks = [_covered(arm, x, y, text) for text in texts]
    breaks.append((-gap, gap))
    for each in breaks:
        if each is not None:
            near, far = each
            pieces = [
                part
                for low, high in pieces
                for part in ((low, min(high, near)), (max(low, far), high))
                if part[0] < part[1]
            ]
    straight = min(abs(arm.x), abs(arm.y)) < 1e-6
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not straight)
    painter.setPen(pen)
    for low, high in pieces:
        ends = x + low * arm.x, y + low * arm.y, x + high * arm.x, y + high * arm.y
        if straight and pen.style() is Qt.PenStyle.SolidLine:
            # Qt fills a rectangle several times faster than it draws the same line. On whole pixels of the
            # screen, or at 150 % some lines would be twice as wide as others.
            ratio = painter.device().devicePixelRatioF()
            thick = max(1, round(ratio)) / ratio
            width, height = abs(ends[2] - ends[0]), abs(ends[3] - ends[1])
            left = round((min(ends[0], ends[2]) - 0.5 * abs(arm.y)) * ratio) / ratio
            top = round((min(ends[1], ends[3]) - 0.5 * abs(arm.x)) * ratio) / ratio
            for above, below in row_bands(top, top + max(thick, height), ratio):
                line = QRectF(left, above, max(thick, width), below - above)
                painter.fillRect(line, pen.color())
        else:
            painter.drawLine(QPointF(*ends[:2]), QPointF(*ends[2:]))


def _covered(arm: Arm, x: float, y: float, area: Box) -> tuple[float, float] | None:
    """The interval (px along the arm) in which a line is within a rectangle; None where it is not."""
    left, top, right, bottom = area
    if not arm.x:
        if not left <= x <= right:
            return None
        low, high = -math.inf, math.inf
    else:
        low, high = (left - x) / arm.x, (right - x) / arm.x
        if low > high:
            low, high = high, low
    if not arm.y:
        return (low, high) if top <= y <= bottom else None
    near, far = (top - y) / arm.y, (bottom - y) / arm.y
    if near > far:
        near, far = far, near
    low, high = max(low, near), min(high, far)
    return (low, high) if low < high else None


def _grips(arm: Arm, center: QPointF, area: QRectF) -> list[QPointF]:
    reach = _GRIP_AT * min(area.width(), area.height())
    both = [center + QPointF(arm.x, arm.y) * (sign * reach) for sign in (-1.0, 1.0)]
    return [each for each in both if area.contains(each)]


def screen_direction(
    normal_lps: np.ndarray, other_normal_lps: np.ndarray, right: np.ndarray, down: np.ndarray
) -> tuple[float, float] | None:
    """Direction of another plane's trace on this one's screen; None if they are parallel."""
    along = cross_product(normal_lps, other_normal_lps)
    x, y = float(along @ right), float(along @ down)
    length = math.hypot(x, y)
    if length < 1e-6:
        return None
    x, y = x / length, y / length
    # A straight line is meant to be exactly that.
    return (round(x), round(y)) if min(abs(x), abs(y)) < 1e-9 else (x, y)
