"""What charts are drawn with, on pyqtgraph and in the theme's colours: axis, titles, texts beside rows, dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsEllipseItem, QGraphicsItem

from fusion3d_gui.widgets.look import theme

#: A graphics item of pyqtgraph, which carries no types.
Item = Any

_TITLE, _AXIS, _LEFT_AXIS = 17, 17, 34
#: Half of the widest text at the end of an axis (px).
_REACH = 60
#: Axis texts keep this distance (px) from each other.
_APART = 8
_DOT_PX = 10


def ink(role: str, alpha: float = 1.0) -> QColor:
    """Return the present theme's colour of a role such as ``"accent"``."""
    color = QColor(getattr(theme, role.upper()))
    color.setAlphaF(alpha)
    return color


@dataclass(frozen=True)
class RowText:
    """One text of a :class:`TextColumn`; ``indent`` in px at a text scale of 1."""

    text: str
    role: str = "text"
    size: int = 12
    indent: int = 0


class Axis(pg.AxisItem):
    """An axis whose texts stay inside the chart, and that may name one value of its own."""

    def __init__(self, side: str, *, has_line: bool = True) -> None:
        super().__init__(side, maxTickLength=0)
        self._has_line = has_line
        self.enableAutoSIPrefix(False)
        # As an int: how far (px) texts may reach beyond the axis before they are moved inside.
        self.setStyle(hideOverlappingLabels=_REACH, tickTextOffset=3, tickAlpha=0)
        self.overhang = 0.0
        self._marked: tuple[float, str] | None = None
        self._is_marked = False
        self._suffix = ""
        self._slots = 0

    def mark(self, value: float | None, text: str = "") -> None:
        """Write ``text`` at a value in the colour of text, over the ticks near it; None: nothing."""
        self._marked = None if value is None else (value, text)
        self._redraw()

    def set_categories(self, names: Sequence[str]) -> None:
        """Name the positions 0, 1, 2 …; each name is elided to its share of the axis."""
        self._slots = len(names)
        self.setTicks([[(float(number), name) for number, name in enumerate(names)]])

    def set_suffix(self, suffix: str) -> None:
        """Write this behind every number."""
        self._suffix = suffix
        self._redraw()

    def restyle(self) -> None:
        """Take the theme's colours and text size."""
        self.setPen(QPen(ink("line"), 1) if self._has_line else QPen(Qt.PenStyle.NoPen))
        self.setTextPen(QPen(ink("faint")))
        self.setTickFont(theme.font(theme.SMALL))
        if self.orientation == "bottom":
            self.setHeight(theme.px(_AXIS))
        else:
            self.setWidth(theme.px(_LEFT_AXIS))

    def _redraw(self) -> None:
        self.picture = None
        self.update()

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Numbers with as many digits as they need and a real minus sign."""
        near_zero = 1e-9 * spacing
        texts = (f"{0.0 if abs(each) < near_zero else each:.6g}" for each in values)
        return [f"{text.replace('-', '−')}{self._suffix}" for text in texts]

    def generateDrawSpecs(self, painter: QPainter) -> Any:
        """Move texts inside the chart, and leave out those under the marked one."""
        specs = super().generateDrawSpecs(painter)
        if specs is None or self.orientation != "bottom":
            return specs
        axis, ticks, texts = specs
        if self._slots:
            texts = [self._in_slot(painter, *each) for each in texts]
        bounds = self.mapRectFromParent(self.geometry()).adjusted(
            -self.overhang, 0, self.overhang, 0
        )
        texts = _apart([(_inside(rect, bounds), flags, text) for rect, flags, text in texts])
        marked = self._marked_text(painter, bounds)
        self._is_marked = marked is not None
        if marked is not None:
            taken = marked[0].adjusted(-_APART, 0, _APART, 0)
            texts = [each for each in texts if not taken.intersects(each[0])]
            texts.append(marked)
        return axis, ticks, texts

    def _marked_text(self, painter: QPainter, bounds: QRectF) -> tuple[QRectF, Any, str] | None:
        low, high = self.range
        if self._marked is None or not low <= self._marked[0] <= high or low == high:
            return None
        value, text = self._marked
        size = painter.fontMetrics().size(0, text)
        x = (value - low) / (high - low) * self.geometry().width()
        rect = QRectF(x - size.width() / 2, 3, size.width(), size.height())
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        spec = rect, flags | Qt.TextFlag.TextDontClip, text
        rect, flags, text = self._in_slot(painter, *spec) if self._slots else spec
        return _inside(rect, bounds), flags, text

    def _in_slot(self, painter: QPainter, rect: QRectF, flags: Any, text: str) -> Any:
        """One name of a category, no wider than its share of the axis."""
        width = self.geometry().width() / self._slots - _APART / 2
        if rect.width() <= width:
            return rect, flags, text
        middle = rect.center()
        rect.setWidth(width)
        rect.moveCenter(middle)
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))
        return rect, flags, elided

    def drawPicture(self, painter: QPainter, axis: Any, ticks: Any, texts: list[Any]) -> None:
        """Draw the marked text in another colour than the others."""
        # The marked text is the last one, see generateDrawSpecs.
        others, marked = (texts[:-1], texts[-1:]) if self._is_marked else (texts, [])
        super().drawPicture(painter, axis, ticks, others)
        painter.setPen(QPen(ink("text")))
        for rect, flags, text in marked:
            painter.drawText(rect, int(flags), text)


def _inside(rect: QRectF, bounds: QRectF) -> QRectF:
    moved = QRectF(rect)
    moved.moveRight(min(moved.right(), bounds.right()))
    moved.moveLeft(max(moved.left(), bounds.left()))
    return moved


def _apart(texts: list[Any]) -> list[Any]:
    """Leave out texts that would touch the one to their right."""
    kept: list[Any] = []
    for each in sorted(texts, key=lambda spec: -spec[0].left()):
        if not kept or each[0].right() + _APART / 2 < kept[-1][0].left():
            kept.append(each)
    return kept


class TitleLine(pg.GraphicsWidget):
    """A panel's title at the left and, at the right, its summary or what lies under the pointer.

    Plain text, since names come from bundles.
    """

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title, self.summary, self.reading = title, "", ""

    def restyle(self) -> None:
        """Take the theme's text size."""
        self.setFixedHeight(theme.px(_TITLE))
        self.update()

    def paint(self, painter: QPainter, *_: object) -> None:
        """Draw both texts; the left one gives way."""
        painter.setFont(theme.font(theme.SMALL))
        area, flags = QRectF(self.rect()), Qt.AlignmentFlag
        right = self.reading or self.summary
        metrics = painter.fontMetrics()
        free = area.width() - metrics.horizontalAdvance(right) - _APART
        title = metrics.elidedText(self.title, Qt.TextElideMode.ElideRight, max(0, int(free)))
        painter.setPen(ink("muted"))
        painter.drawText(area, flags.AlignLeft | flags.AlignVCenter, title)
        painter.setPen(ink("text" if self.reading else "faint"))
        painter.drawText(area, flags.AlignRight | flags.AlignVCenter, right)


class TextColumn(pg.GraphicsWidget):
    """Texts beside the rows of a panel, one a row, evenly spaced; plain text."""

    def __init__(self, width: int, *, right: bool) -> None:
        super().__init__()
        self._width, self._right = width, right
        self.texts: Sequence[RowText] = ()

    def restyle(self) -> None:
        """Take the theme's text size."""
        self.setFixedWidth(theme.px(self._width))
        self.update()

    def paint(self, painter: QPainter, *_: object) -> None:
        """Draw the texts, elided where they are too long."""
        flags = Qt.AlignmentFlag
        height = self.rect().height() / max(len(self.texts), 1)
        for number, each in enumerate(self.texts):
            left = theme.px(each.indent)
            area = QRectF(left, number * height, self.rect().width() - left - _APART, height)
            if self._right:
                area.moveLeft(_APART)
            painter.setFont(theme.font(each.size))
            painter.setPen(ink(each.role))
            text = painter.fontMetrics().elidedText(
                each.text, Qt.TextElideMode.ElideRight, int(area.width()) + 1
            )
            side = flags.AlignRight if self._right else flags.AlignLeft
            painter.drawText(area, side | flags.AlignVCenter, text)


class Dots:
    """Round markers of the same size whatever the scale of the axes.

    Qt's own ellipses: pyqtgraph's ``ScatterPlotItem``, made for many points, takes 8 ms for one.
    """

    def __init__(self, box: Item, role: str, edge: str) -> None:
        self._box, self._role, self._edge = box, role, edge
        self._items: list[QGraphicsEllipseItem] = []
        self._z = 10.0

    def setZValue(self, z: float) -> None:
        """Set what they lie over."""
        self._z = z

    def setData(self, x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> None:
        """Put one marker at each pair of values."""
        while len(self._items) < len(x):
            radius = _DOT_PX / 2
            item = QGraphicsEllipseItem(-radius, -radius, _DOT_PX, _DOT_PX)
            item.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIgnoresTransformations)
            item.setZValue(self._z)
            self._box.addItem(item, ignoreBounds=True)
            self._items.append(item)
        self.restyle()
        for number, item in enumerate(self._items):
            item.setVisible(number < len(x))
            if number < len(x):
                item.setPos(x[number], y[number])

    def restyle(self) -> None:
        """Take the theme's colours."""
        for item in self._items:
            item.setPen(QPen(ink(self._edge), 2))
            item.setBrush(QBrush(ink(self._role)))
