"""``Plot`` and ``Panel``: the thin layer over pyqtgraph that draws all charts in the theme's colours.

Importing this module imports pyqtgraph, so only :mod:`~fusion3d_gui.widgets.charts.library` does. pyqtgraph's
``PlotItem`` is passed over for its parts (``ViewBox``, ``AxisItem``, items): it brings 44 hidden widgets and
15 ms a plot, its parts 3 ms and no widget.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen
from PySide6.QtWidgets import QGraphicsRectItem, QWidget

from fusion3d_gui.widgets.charts.plot_items import Axis, Dots, TextColumn, TitleLine, ink

#: Axes keep this distance (px) from a chart's sides, so that texts at the ends of an axis fit.
_SIDE = 7
#: The smallest part of an axis that can be zoomed to.
_MOST_ZOOM = 200

#: A graphics item of pyqtgraph, which carries no types.
Item = Any
T = TypeVar("T")


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
        self._to_scale: tuple[tuple[float, float], tuple[float, float]] | None = None
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

    def cloud(self, role: str, diameter: float, alpha: float = 1.0) -> Item:
        """Add many points of one colour (``setData(x, y)``), ``diameter`` px wide whatever the scale of the axes."""
        item = pg.ScatterPlotItem(size=diameter, pxMode=True, pen=None)
        self._box.addItem(item, ignoreBounds=True)
        return self._plot.styled(item, lambda each: each.setBrush(QBrush(ink(role, alpha))))

    def frame(self, role: str) -> Item:
        """Add a rectangle (``setRect``), filled lightly; hidden until it is shown."""
        item = QGraphicsRectItem()
        item.setZValue(30)
        item.hide()
        self._box.addItem(item, ignoreBounds=True)

        def restyle(each: Item) -> None:
            each.setPen(self._plot.pen(role, 1))
            each.setBrush(QBrush(ink(role, 0.15)))

        return self._plot.styled(item, restyle)

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

    def set_home_to_scale(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """As :meth:`set_home`, with the same scale along both axes: the shorter range is widened, at every size."""
        first = self._to_scale is None
        self._to_scale = x, y
        if first:
            self._box.sigResized.connect(self._widen)
        self._widen()

    def _widen(self) -> None:
        assert self._to_scale is not None
        size = self._box.size()
        if size.width() < 1 or size.height() < 1:
            return
        x, y = self._to_scale
        per_px = max((x[1] - x[0]) / size.width(), (y[1] - y[0]) / size.height())
        halves = per_px * size.width() / 2, per_px * size.height() / 2
        middles = sum(x) / 2, sum(y) / 2
        wide_x, wide_y = (
            (middle - half, middle + half) for middle, half in zip(middles, halves, strict=True)
        )
        self.set_home(wide_x, wide_y)

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
