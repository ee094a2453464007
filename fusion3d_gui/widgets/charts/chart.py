"""``Chart``: what every chart does. Waits for pyqtgraph, reads under the pointer, zooms, follows the theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QHelpEvent,
    QMouseEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.widgets.charts.chart_file import ChartContent
from fusion3d_gui.widgets.charts.chart_menu import ChartMenu
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.charts.library import chart_library
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Panel, Plot

_ZOOM_PER_STEP = 1.25
_WHEEL_STEP = 120


class Chart(QWidget):
    """Base of all charts.

    A subclass fills a plot in :meth:`fill` and calls :meth:`refresh` when its data have changed. The plot is
    made when the chart is first visible with something to show, once pyqtgraph has been imported on
    another thread; until then the chart is an empty area of the same size.

    Wheel with ctrl zooms (where nothing around it scrolls, the wheel alone), middle drag or shift+drag
    moves what is zoomed, double click shows all of it again. The context menu saves image and numbers.
    The chart never takes the keyboard.
    """

    #: Theme role of what lies behind the chart.
    BACKGROUND = "panel"
    #: Whether the wheel zooms without ctrl; not in a panel that scrolls.
    WHEEL_ZOOMS = False
    #: Proposed name of saved files, without an ending.
    FILE_NAME = "chart"

    _plot: Plot | None = None
    _look: tuple[str, float] | None = None

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pan_from: QPointF | None = None
        self._read_panel: Panel | None = None
        self._source: tuple[str, ...] = ()
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    # -- for subclasses -----------------------------------------------------------------------

    @property
    def has_data(self) -> bool:
        """Whether there is anything to draw."""
        raise NotImplementedError

    def fill(self, plot: Plot) -> None:
        """Add panels to an empty plot, or bring those that are there up to date."""
        raise NotImplementedError

    def table(self) -> ChartTable:
        """Return the numbers on screen, to be saved."""
        raise NotImplementedError

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Show in ``panel`` what lies at the values (x, y) under the pointer."""

    def tip_at(self, panel: Panel, x: float, y: float) -> str:
        """Return the tooltip at the values (x, y); empty for the widget's own."""
        return ""

    def press(self, panel: Panel, x: float) -> bool:
        """Begin a drag with the left button at x; return whether the chart has a use for it."""
        return False

    def drag(self, x: float) -> None:
        """Go on with the drag that :meth:`press` began, at x in the panel in which it began."""

    def release(self) -> None:
        """End that drag."""

    # -- for owners ---------------------------------------------------------------------------

    def set_source(self, *lines: str) -> None:
        """Set what saved images and tables say about where they come from, line by line."""
        self._source = lines

    def content(self) -> ChartContent | None:
        """Return what is on screen, to be saved; None while there is no plot."""
        if self._plot is None:
            return None
        return ChartContent(
            self._plot,
            self.table(),
            self.BACKGROUND,
            self.FILE_NAME,
            self.accessibleName() or self.FILE_NAME,
            (*self._source, f"Fusion3D {__version__}. {RESEARCH_USE_ONLY}."),
        )

    @property
    def plot(self) -> Plot | None:
        """The plot; None until pyqtgraph is imported and there is something to show."""
        return self._plot

    def refresh(self) -> None:
        """Draw changed data; makes the plot if this is the first time that there is something to show."""
        if self._plot is not None:
            self.fill(self._plot)
            self.update()
        elif self.isVisible() and self.has_data:
            self._make_plot()

    def reset_zoom(self) -> None:
        """Show the whole range of every panel."""
        for panel in self._panels:
            panel.reset()

    @property
    def is_zoomed(self) -> bool:
        """Whether any panel shows less than its whole range."""
        return any(panel.is_zoomed for panel in self._panels)

    # -- the plot -----------------------------------------------------------------------------

    @property
    def _panels(self) -> list[Panel]:
        return [] if self._plot is None else self._plot.panels

    def _make_plot(self) -> None:
        library = chart_library()
        if not library.is_ready:
            library.finished.connect(
                self._on_library_loaded, Qt.ConnectionType.SingleShotConnection
            )
            library.load()
            return
        from fusion3d_gui.widgets.charts.plot import Plot

        self._look = theme.name(), theme.scale()
        self._plot = Plot(self)
        self._plot.view.setGeometry(self.rect())
        self.fill(self._plot)
        self._plot.view.show()

    def _on_library_loaded(self) -> None:
        if chart_library().is_ready:
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Make the plot if it is to be seen for the first time."""
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Let the plot fill the chart."""
        if self._plot is not None:
            self._plot.view.setGeometry(self.rect())

    def changeEvent(self, event: QEvent) -> None:
        """Follow the theme and the text size."""
        if self._look != (theme.name(), theme.scale()):
            self._restyle()
        super().changeEvent(event)

    def _restyle(self) -> None:
        if self._plot is not None:
            self._look = theme.name(), theme.scale()
            self._plot.restyle()
            self.fill(self._plot)
            self.updateGeometry()

    # -- the mouse ----------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin what the left button means in this chart, or move what is zoomed."""
        where, button, buttons = event.position(), event.button(), Qt.MouseButton
        panel = None if self._plot is None else self._plot.panel_at(where)
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        left = button == buttons.LeftButton
        if panel is None or button == buttons.RightButton:
            return
        self._read_panel = panel
        used = left and not shift and self.press(panel, panel.value_at(where)[0])
        if not used and panel.is_zoomed:
            self._pan_from = where
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with a drag, or read what lies under the pointer."""
        where = event.position()
        if self._pan_from is not None and self._read_panel is not None:
            moved, self._pan_from = where - self._pan_from, where
            self._read_panel.pan(moved.x(), moved.y())
        elif event.buttons() & Qt.MouseButton.LeftButton and self._read_panel is not None:
            self.drag(self._read_panel.value_at(where)[0])
        self._read_at(where)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End the drag."""
        if self._pan_from is not None:
            self._pan_from = None
            self.unsetCursor()
        if event.button() == Qt.MouseButton.LeftButton:
            self.release()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show all of what is zoomed; otherwise it is one more press."""
        if self.is_zoomed:
            self.reset_zoom()
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom about the pointer; without ctrl leave the wheel to what scrolls around the chart."""
        where = event.position()
        panel = None if self._plot is None else self._plot.panel_at(where)
        ctrl = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if panel is None or not (ctrl or self.WHEEL_ZOOMS):
            event.ignore()
            return
        panel.zoom(_ZOOM_PER_STEP ** (event.angleDelta().y() / _WHEEL_STEP), where)
        self._read_at(where)
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer any more."""
        if self._read_panel is not None:
            self._read_panel.show_reading("")
        self._read_panel = None

    def _read_at(self, where: QPointF) -> None:
        panel = None if self._plot is None else self._plot.panel_at(where)
        if self._read_panel is not None and self._read_panel is not panel:
            self._read_panel.show_reading("")
        if panel is not None:
            self.read(panel, *panel.value_at(where))
        held = self._pan_from is not None
        self._read_panel = self._read_panel if held else panel

    def event(self, event: QEvent) -> bool:
        """Say in a tooltip what lies under a resting pointer, where the chart has something to say."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            where = QPointF(event.pos())
            panel = None if self._plot is None else self._plot.panel_at(where)
            text = "" if panel is None else self.tip_at(panel, *panel.value_at(where))
            if text:
                QToolTip.showText(event.globalPos(), plain_tip(text), self)
                return True
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._restyle()
        return super().event(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Offer to save image and numbers, and to show all."""
        content = self.content()
        if content is not None:
            reset = self.reset_zoom if self.is_zoomed else None
            ChartMenu(self, content, reset).popup(event.globalPos())
