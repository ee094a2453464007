"""Icons of the tool buttons, as paths so that they follow theme and scaling."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainterPath

#: Side of the square in which every icon is drawn, in path units.
SIDE = 20.0


def icon_path(name: str) -> QPainterPath:
    """Path of an icon. Raises KeyError for an unknown name."""
    path = QPainterPath()
    _PICTURES[name](path)
    return path


def _line(path: QPainterPath, *points: tuple[float, float]) -> None:
    path.moveTo(*points[0])
    for point in points[1:]:
        path.lineTo(*point)


def _crosshair(path: QPainterPath) -> None:
    for start, end in ((2, 8), (12, 18)):
        _line(path, (start, 10), (end, 10))
        _line(path, (10, start), (10, end))


def _distance(path: QPainterPath) -> None:
    _line(path, (4, 16), (16, 4))
    for x, y in ((4, 16), (16, 4)):
        _line(path, (x - 2.2, y - 2.2), (x + 2.2, y + 2.2))


def _angle(path: QPainterPath) -> None:
    _line(path, (16, 4), (4, 16), (17, 16))
    path.moveTo(10, 16)
    path.arcTo(QRectF(-2, 10, 12, 12), 0, 45)


def _rectangle(path: QPainterPath) -> None:
    path.addRect(QRectF(3, 5, 14, 10))


def _ellipse(path: QPainterPath) -> None:
    path.addEllipse(QRectF(3, 5, 14, 10))


def _point(path: QPainterPath) -> None:
    _line(path, (10, 4), (10, 16))
    _line(path, (4, 10), (16, 10))
    path.addEllipse(QPointF(10, 10), 3, 3)


def _arrow(path: QPainterPath) -> None:
    _line(path, (16, 16), (4, 4))
    _line(path, (10, 4), (4, 4), (4, 10))


def _brush(path: QPainterPath) -> None:
    _line(path, (17, 3), (9, 11))
    path.addEllipse(QPointF(6.5, 13.5), 3.5, 3.5)


def _undo(path: QPainterPath) -> None:
    _line(path, (8, 3), (4, 7), (8, 11))
    path.moveTo(4, 7)
    path.lineTo(12, 7)
    path.arcTo(QRectF(8, 7, 9, 9), 90, -180)
    path.lineTo(8, 16)


def _redo(path: QPainterPath) -> None:
    _line(path, (12, 3), (16, 7), (12, 11))
    path.moveTo(16, 7)
    path.lineTo(8, 7)
    path.arcTo(QRectF(3, 7, 9, 9), 90, 180)
    path.lineTo(12, 16)


def _table(path: QPainterPath) -> None:
    path.addRect(QRectF(3, 4, 14, 12))
    _line(path, (3, 8), (17, 8))
    _line(path, (3, 12), (17, 12))
    _line(path, (8, 4), (8, 16))


def _series(path: QPainterPath) -> None:
    path.addRect(QRectF(3, 7, 10, 10))
    _line(path, (6, 4), (16, 4), (16, 14))


def _layout(path: QPainterPath) -> None:
    path.addRect(QRectF(3, 4, 14, 12))
    _line(path, (11, 4), (11, 16))
    _line(path, (11, 10), (17, 10))


def _slab(path: QPainterPath) -> None:
    _line(path, (3, 7), (13, 7), (17, 3), (7, 3), (3, 7))
    _line(path, (3, 7), (3, 14), (13, 14), (13, 7))
    _line(path, (13, 14), (17, 10), (17, 3))


_PICTURES: dict[str, Callable[[QPainterPath], None]] = {
    "crosshair": _crosshair,
    "distance": _distance,
    "angle": _angle,
    "rectangle": _rectangle,
    "ellipse": _ellipse,
    "point": _point,
    "arrow": _arrow,
    "brush": _brush,
    "undo": _undo,
    "redo": _redo,
    "table": _table,
    "series": _series,
    "layout": _layout,
    "slab": _slab,
}
