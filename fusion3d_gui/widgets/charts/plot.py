"""``Plot`` and ``Panel``: the thin layer over pyqtgraph that draws all charts in the theme's colours.

Importing this module imports pyqtgraph, so only :mod:`~fusion3d_gui.widgets.charts.library` does. pyqtgraph's
``PlotItem`` is passed over for its parts (``ViewBox``, ``AxisItem``, items): it brings 44 hidden widgets and
15 ms a plot, its parts 3 ms and no widget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsEllipseItem, QGraphicsItem, QWidget

from fusion3d_gui.widgets.look import theme

#: A graphics item of pyqtgraph, which carries no types.
Item = Any
T = TypeVar("T")

#: Axes keep this distance (px) from a chart's sides, so that texts at the ends of an axis fit.
_SIDE = 7
_TITLE, _AXIS, _LEFT_AXIS = 17, 17, 34
#: Half of the widest text at the end of an axis (px).
_REACH = 60
#: Axis texts keep this distance (px) from each other.
_APART = 8
_DOT_PX = 10
#: The smallest part of an axis that can be zoomed to.
_MOST_ZOOM = 200


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


class Panel:
    """One pair of axes in a :class:`Plot`, with its title line, zoom and the marker under the pointer."""

    def __init__(self, plot: Plot, cell: Item, title: str | None) -> None:
        self._plot, self._cell = plot, cell
        cell.layout.setSpacing(0)
        cell.setContentsMargins(0, 0, 0, 0)
        for side in (0, 2):
            cell.layout.setColumnMinimumWidth(side, plot.sides)
        cell.layout.setColumnStretchFactor(1, 1)
        self._box = pg.ViewBox(enableMenu=False, enableMouse=False, defaultPadding=0)
        self._box.disableAutoRange()
        self.title: TitleLine | None = None
        if title is not None:
            self.title = plot.styled(TitleLine(title), TitleLine.restyle)
            cell.addItem(self.title, 0, 0, 1, 3)
        cell.addItem(self._box, 1, 1)
        self._home = ((0.0, 1.0), (0.0, 1.0))
        self._cursor = self.line("faint", 1)
        self._dot = self.dots("text", "panel")
        self._dot.setZValue(20)

    # -- parts --------------------------------------------------------------------------------

    def add_axis(self, side: str, *, has_line: bool = True) -> Axis:
        """Add the ``"bottom"`` or ``"left"`` axis, with a line or with its texts alone."""
        axis = self._plot.styled(Axis(side, has_line=has_line), Axis.restyle)
        axis.overhang = self._plot.sides
        axis.linkToView(self._box)
        row, column = (2, 1) if side == "bottom" else (1, 0)
        self._cell.addItem(axis, row, column)
        return axis

    def add_column(self, side: str, width: int) -> TextColumn:
        """Add a column of texts at the ``"left"`` or ``"right"``, ``width`` px wide at a text scale of 1."""
        column = self._plot.styled(TextColumn(width, right=side == "right"), TextColumn.restyle)
        self._cell.addItem(column, 1, 2 * (side == "right"))
        return column

    def line(self, role: str, width: float, alpha: float = 1.0) -> Item:
        """Add a polyline (``setData(x, y)``), broken where a value is NaN."""
        item = pg.PlotCurveItem(antialias=True, connect="finite")
        self._box.addItem(item, ignoreBounds=True)
        return self._plot.styled(item, lambda each: each.setPen(self._plot.pen(role, width, alpha)))

    def area(self, brush: Callable[[], QBrush]) -> Item:
        """Add an area between a curve (``setData(x, y)``) and zero."""
        item = pg.PlotCurveItem(antialias=True, fillLevel=0, pen=None)
        self._box.addItem(item, ignoreBounds=True)
        return self._plot.styled(item, lambda each: each.setBrush(brush()))

    def bars(self, colors: Callable[[], Sequence[QColor]]) -> Item:
        """Add bars, each of its own colour: ``setOpts(x0=, y0=, width=, height=)`` with arrays [n]."""
        nothing = np.zeros(0)
        item = pg.BarGraphItem(x0=nothing, y0=nothing, width=nothing, height=nothing)
        self._box.addItem(item, ignoreBounds=True)

        def restyle(each: Item) -> None:
            each.setOpts(brushes=[QBrush(color) for color in colors()], pen=QPen(Qt.PenStyle.NoPen))

        return self._plot.styled(item, restyle)

    def dots(self, role: str, edge: str) -> Dots:
        """Add round markers (``setData(x, y)``) with an edge that sets them off from lines."""
        return self._plot.styled(Dots(self._box, role, edge), Dots.restyle)

    def rule(self, role: str, width: float = 1.0, *, across: bool, dotted: bool = False) -> Item:
        """Add a straight line through the panel at one value (``setValue``)."""
        item = pg.InfiniteLine(angle=0 if across else 90)
        self._box.addItem(item, ignoreBounds=True)
        style = Qt.PenStyle.DotLine if dotted else Qt.PenStyle.SolidLine
        return self._plot.styled(
            item, lambda each: each.setPen(self._plot.pen(role, width, style=style))
        )

    def band(self, low: float, high: float, role: str, alpha: float) -> Item:
        """Shade the values from ``low`` to ``high``."""
        item = pg.LinearRegionItem((low, high), orientation="horizontal", movable=False)
        for edge in item.lines:
            edge.setPen(QPen(Qt.PenStyle.NoPen))
        item.setZValue(-10)
        self._box.addItem(item, ignoreBounds=True)
        return self._plot.styled(item, lambda each: each.setBrush(QBrush(ink(role, alpha))))

    # -- ranges -------------------------------------------------------------------------------

    def set_home(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        zooms_x: bool = True,
        zooms_y: bool = True,
        downwards: bool = False,
    ) -> None:
        """Set the whole range of both axes; zooming stays within it. Another range ends the zoom."""
        if self._home == (x, y):
            return
        self._home = x, y
        widths = x[1] - x[0], y[1] - y[0]
        self._box.invertY(downwards)
        self._box.setLimits(
            xMin=x[0],
            xMax=x[1],
            yMin=y[0],
            yMax=y[1],
            minXRange=widths[0] / _MOST_ZOOM if zooms_x else widths[0],
            minYRange=widths[1] / _MOST_ZOOM if zooms_y else widths[1],
        )
        self.reset()

    def link_x(self, other: Panel) -> None:
        """Zoom and pan along x together with another panel."""
        self._box.setXLink(other._box)

    @property
    def is_zoomed(self) -> bool:
        """Whether less than the whole range is shown."""
        return not np.allclose(self._box.viewRange(), self._home, rtol=1e-6, atol=1e-12)

    def reset(self) -> None:
        """Show the whole range."""
        self._box.setRange(xRange=self._home[0], yRange=self._home[1], padding=0)

    def zoom(self, factor: float, about: QPointF) -> None:
        """Enlarge about a point of the widget."""
        x, y = self.value_at(about)
        self._box.scaleBy((1 / factor, 1 / factor), center=pg.Point(x, y))

    def pan(self, right_px: float, down_px: float) -> None:
        """Move what is shown along with a drag."""
        here, there = self.value_at(QPointF(0, 0)), self.value_at(QPointF(right_px, down_px))
        self._box.translateBy((here[0] - there[0], here[1] - there[1]))

    # -- positions ----------------------------------------------------------------------------

    @property
    def cell(self) -> QRectF:
        """Where the panel lies in the widget, with title and axes."""
        return QRectF(self._cell.sceneBoundingRect())

    @property
    def area_px(self) -> QRectF:
        """Where its axes' range lies in the widget."""
        return QRectF(self._box.sceneBoundingRect())

    def value_at(self, where: QPointF) -> tuple[float, float]:
        """Return the values (x, y) at a point of the widget."""
        found = self._box.mapSceneToView(self._plot.view.mapToScene(where.toPoint()))
        return float(found.x()), float(found.y())

    def px_at(self, x: float, y: float) -> QPointF:
        """Return where in the widget the values (x, y) lie."""
        return QPointF(self._box.mapViewToScene(QPointF(x, y)))

    # -- reading ------------------------------------------------------------------------------

    def show_summary(self, text: str) -> None:
        """Say this at the right of the title while nothing is under the pointer."""
        if self.title is not None:
            self.title.summary = text
            self.title.update()

    def show_reading(self, text: str, x: float | None = None, y: float | None = None) -> None:
        """Say what lies under the pointer, and mark it at x (a line) and y (a dot); "" ends that."""
        if self.title is not None:
            self.title.reading = text
            self.title.update()
        column = [] if x is None else [x, x]
        self._cursor.setData(column, list(self._home[1])[: len(column)])
        dot = [] if x is None or y is None else [(x, y)]
        self._dot.setData([at for at, _ in dot], [at for _, at in dot])


class Plot:
    """A pyqtgraph view with panels in a grid. It takes no mouse and no keyboard: its chart does."""

    def __init__(self, parent: QWidget) -> None:
        self.view = pg.GraphicsView(parent, useOpenGL=False, background=None)
        self.view.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        for widget in (self.view, self.view.viewport()):
            widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setCacheMode(self.view.CacheModeFlag.CacheNone)
        self.view.viewport().setAutoFillBackground(False)
        self.panels: list[Panel] = []
        self.sides = 0.0
        #: Device pixels per pixel: pens of what is drawn in the scale of the axes do not follow it.
        self.density = self.view.devicePixelRatioF()
        self._restylers: list[Callable[[], None]] = []
        self._grid: Item = None
        self.clear()

    def clear(self) -> None:
        """Take all panels away."""
        self.panels, self._restylers = [], []
        self._grid = pg.GraphicsLayout()
        self._grid.layout.setSpacing(0)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self.view.setCentralItem(self._grid)

    def add_panel(self, row: int = 0, column: int = 0, title: str | None = None) -> Panel:
        """Add a panel in a cell of the grid; without a title it has no title line."""
        panel = Panel(self, self._grid.addLayout(row, column), title)
        self.panels.append(panel)
        return panel

    def set_widths(self, *shares: int) -> None:
        """Share the width among the columns of panels in these proportions."""
        for column, share in enumerate(shares):
            self._grid.layout.setColumnStretchFactor(column, share)

    def set_margins(self, sides: float = _SIDE, bottom: float = 0, apart: float = 0) -> None:
        """Set the free space (px) beside axes, below and between panels; before any panel is added."""
        self.sides = sides
        self._grid.setContentsMargins(0, 0, 0, bottom)
        self._grid.layout.setSpacing(apart)

    def panel_at(self, where: QPointF) -> Panel | None:
        """Return the panel under a point of the widget."""
        return next((each for each in self.panels if each.cell.contains(where)), None)

    def pen(
        self,
        role: str,
        width: float,
        alpha: float = 1.0,
        style: Qt.PenStyle = Qt.PenStyle.SolidLine,
    ) -> QPen:
        """Return a pen ``width`` px wide whatever the scale of the axes."""
        made = QPen(ink(role, alpha), width * self.density, style)
        made.setCosmetic(True)
        return made

    def styled(self, item: T, restyle: Callable[[T], None]) -> T:
        """Style an item now and whenever the theme changes; return it."""
        restyle(item)
        self._restylers.append(lambda: restyle(item))
        return item

    def restyle(self, density: float | None = None) -> None:
        """Take the present theme's colours and text size, for a screen of this density."""
        self.density = self.view.devicePixelRatioF() if density is None else density
        for each in self._restylers:
            each()

    def render(self, painter: QPainter, target: QRectF, density: float) -> None:
        """Paint all of it into ``target``, ``density`` dots of the image for each of its pixels."""
        scene = self.view.scene()
        self.restyle(density)
        scene.prepareForPaint()
        scene.render(painter, target, QRectF(self.view.rect()))
        self.restyle()
