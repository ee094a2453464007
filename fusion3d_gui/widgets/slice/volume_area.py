"""Where a volume of another grid lies in a slice view, and the plane on which it is sampled there."""

from __future__ import annotations

import itertools
import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF

from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.slice.slice_canvas import SliceCanvas


def area_of(view: SliceCanvas, grid: Volume, margin_px: int) -> QRectF | None:
    """The part of the view (whole px) that a volume can cover, with a margin; None where it is away."""
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
    left = max(0, math.floor(min(each.x() for each in places)) - margin_px)
    top = max(0, math.floor(min(each.y() for each in places)) - margin_px)
    right = min(view.width(), math.ceil(max(each.x() for each in places)) + margin_px)
    bottom = min(view.height(), math.ceil(max(each.y() for each in places)) + margin_px)
    if right - left < 1 or bottom - top < 1:
        return None
    return QRectF(left, top, right - left, bottom - top)


def plane_of_area(view: SliceCanvas, area: QRectF, per_px: float) -> Plane:
    """The patient positions of an area of the view, ``per_px`` samples for each of its pixels."""
    columns = max(1, round(area.width() * per_px))
    rows = max(1, round(area.height() * per_px))
    across, along = area.width() / columns, area.height() / rows
    first = QPointF(area.left() + across / 2, area.top() + along / 2)
    origin = view.lps_at(first)
    right = view.lps_at(first + QPointF(across, 0)) - origin
    down = view.lps_at(first + QPointF(0, along)) - origin
    return Plane(origin, right, down, (rows, columns))
