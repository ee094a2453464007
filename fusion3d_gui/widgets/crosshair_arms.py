"""The crosshair's arms: where the other planes cut through this one, with grips to turn them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

#: The arms leave this much (px) free around their centre, so that they hide nothing they point at.
_GAP = 12.0
#: Grips lie at this share of the view's shorter side from the centre.
_GRIP_AT = 0.36
_GRIP_RADIUS = 4.5
_GRIP_REACH = 11.0
#: The lines end this far (px) from the view's edges, where the letters are.
_INSET = 30.0
_INSIDE = (_INSET, _INSET, -_INSET, -_INSET)

#: Cool colours, for the warm ones belong to the heatmap.
COLORS = {"Axial": "#56b6d8", "Coronal": "#41c48d", "Sagittal": "#b9a2ff"}


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
    """The arm whose grip lies under a point."""
    for arm in arms:
        for grip in _grips(arm, center, area):
            if math.hypot(grip.x() - where.x(), grip.y() - where.y()) <= _GRIP_REACH:
                return arm
    return None


def paint_arms(
    painter: QPainter, arms: list[Arm], center: QPointF, area: QRectF, *, with_grips: bool
) -> None:
    """Draw the lines across the view, the edges of slabs dashed, and the grips if asked for."""
    reach = math.hypot(area.width(), area.height())
    painter.save()
    painter.setClipRect(area.adjusted(*_INSIDE))
    # On pixel centres, so that a straight one-pixel line stays one pixel wide.
    center = QPointF(math.floor(center.x()) + 0.5, math.floor(center.y()) + 0.5)
    for arm in arms:
        straight = min(abs(arm.x), abs(arm.y)) < 1e-6
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, not straight)
        color = QColor(COLORS[arm.name])
        color.setAlpha(190)
        along = QPointF(arm.x, arm.y)
        if straight and arm.slab_px <= 4.0:
            _fill_straight(painter, arm, center, area.adjusted(*_INSIDE), color)
            continue
        painter.setPen(QPen(color, 1.0))
        for sign in (-1.0, 1.0):
            painter.drawLine(center + along * (sign * _GAP), center + along * (sign * reach))
        if arm.slab_px > 4.0:
            color.setAlpha(110)
            painter.setPen(QPen(color, 1.0, Qt.PenStyle.DashLine))
            for sign in (-0.5, 0.5):
                edge = center + QPointF(-arm.y, arm.x) * (sign * arm.slab_px)
                painter.drawLine(edge - along * reach, edge + along * reach)
    painter.restore()
    if with_grips:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for arm in arms:
            painter.setPen(QPen(QColor(COLORS[arm.name]), 1.5))
            painter.setBrush(QColor(0, 0, 0, 150))
            for grip in _grips(arm, center, area):
                painter.drawEllipse(grip, _GRIP_RADIUS, _GRIP_RADIUS)
        painter.setBrush(Qt.BrushStyle.NoBrush)


def _fill_straight(
    painter: QPainter, arm: Arm, center: QPointF, area: QRectF, color: QColor
) -> None:
    """The same line as a filled rectangle, which Qt draws several times faster."""
    x, y = center.x() - 0.5, center.y() - 0.5
    if abs(arm.x) > abs(arm.y):
        if area.top() <= y <= area.bottom():
            painter.fillRect(QRectF(area.left(), y, x - _GAP - area.left(), 1), color)
            painter.fillRect(QRectF(x + _GAP, y, area.right() - x - _GAP, 1), color)
    elif area.left() <= x <= area.right():
        painter.fillRect(QRectF(x, area.top(), 1, y - _GAP - area.top()), color)
        painter.fillRect(QRectF(x, y + _GAP, 1, area.bottom() - y - _GAP), color)


def _grips(arm: Arm, center: QPointF, area: QRectF) -> list[QPointF]:
    reach = _GRIP_AT * min(area.width(), area.height())
    both = [center + QPointF(arm.x, arm.y) * (sign * reach) for sign in (-1.0, 1.0)]
    return [each for each in both if area.contains(each)]


def screen_direction(
    normal_lps: np.ndarray, other_normal_lps: np.ndarray, right: np.ndarray, down: np.ndarray
) -> tuple[float, float] | None:
    """Where the trace of another plane points on this one's screen; None if they are parallel."""
    along = np.cross(normal_lps, other_normal_lps)
    x, y = float(along @ right), float(along @ down)
    length = math.hypot(x, y)
    if length < 1e-6:
        return None
    x, y = x / length, y / length
    # A straight line is meant to be exactly that.
    return (round(x), round(y)) if min(abs(x), abs(y)) < 1e-9 else (x, y)
