"""``WindowHistogram``: how often each value occurs in the volume, and the window level over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QBrush, QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.imaging.display.window import value_histogram
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Item, Panel, Plot

_WIDTH, _HEIGHT = 170, 32
_GRIP_REACH = 7.0
#: Ends of the window that lie outside are drawn this far (px) inside.
_INSET = 2.0
#: The narrowest window that a drag makes, as a share of the volume's range.
_NARROWEST = 1 / 500

_Grip = Literal["low", "high", "both"]


class WindowHistogram(Chart):
    """Dragging an end of the window moves it, dragging between the ends moves both."""

    BACKGROUND = "raised"
    WHEEL_ZOOMS = True
    FILE_NAME = "histogram"

    def __init__(self, window_level: WindowLevel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = window_level
        self._counts = np.zeros(0, np.int64)
        self._low, self._high = 0.0, 1.0
        self._held: _Grip | None = None
        self._from = 0.0
        self._panel: Panel | None = None
        self._area: Item = None
        self._ends: tuple[Item, Item] = (None, None)
        self._uncounted: Volume | None = None
        # In an event-loop iteration of its own: the one in which a scan arrives has enough to do.
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.timeout.connect(self._count)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFixedSize(_WIDTH, _HEIGHT)
        self.setAccessibleName("Histogram with the window's ends")
        self.setToolTip("Drag the ends of the window, or all of it; the wheel zooms")
        window_level.changed.connect(self._show_window)

    def sizeHint(self) -> QSize:
        """One line high."""
        return QSize(_WIDTH, _HEIGHT)

    def set_volume(self, volume: Volume | None) -> None:
        """Show another volume's values, as soon as they are counted."""
        self._uncounted = volume
        if volume is None:
            self._counts = np.zeros(0, np.int64)
            self.refresh()
        else:
            self._counting.start(0)

    def _count(self) -> None:
        volume, self._uncounted = self._uncounted, None
        if volume is not None:
            self._counts, self._low, self._high = value_histogram(volume, bins=self.width() // 2)
            self.refresh()

    # -- the plot -----------------------------------------------------------------------------

    @property
    def has_data(self) -> bool:
        """Whether a volume's values are counted."""
        return bool(self._counts.any())

    def fill(self, plot: Plot) -> None:
        """Draw the counts and the window over them."""
        if self._panel is None:
            plot.set_margins(0)
            self._panel = plot.add_panel()
            self._area = self._panel.area(self._shades)
            self._ends = (
                self._panel.rule("accent", 2, across=False),
                self._panel.rule("accent", 2, across=False),
            )
        plot.view.setVisible(self.has_data)
        if not self.has_data:
            return
        # Background would dwarf all else.
        heights = np.log1p(self._counts)
        self._panel.set_home(
            (self._low, self._high), (0.0, 1.12 * float(heights.max())), zooms_y=False
        )
        edges = self._edges
        centers = (edges[:-1] + edges[1:]) / 2
        self._area.setData(
            np.concatenate([[self._low], centers, [self._high]]),
            np.concatenate([[heights[0]], heights, [heights[-1]]]),
        )
        self._show_window()

    @property
    def _edges(self) -> np.ndarray:
        return np.linspace(self._low, self._high, self._counts.size + 1)

    def _shades(self) -> QBrush:
        """From dark to bright as the window has it."""
        window = self._state.window
        shades = QLinearGradient(window.low, 0, max(window.high, window.low + 1e-9), 0)
        dark, bright = QColor(theme.FAINT), QColor(theme.TEXT)
        dark.setAlpha(110)
        shades.setColorAt(0, dark)
        shades.setColorAt(1, bright)
        return QBrush(shades)

    def _show_window(self) -> None:
        panel = self._panel
        if panel is None or not self.has_data:
            return
        self._area.setBrush(self._shades())
        inset = _INSET * (self._high - self._low) / max(self.width(), 1)
        window = self._state.window
        for line, value in zip(self._ends, (window.low, window.high), strict=True):
            line.setValue(min(max(value, self._low + inset), self._high - inset))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the field that the plot lies on."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.RAISED))
        painter.drawRoundedRect(QRectF(self.rect()), 5, 5)

    def table(self) -> ChartTable:
        """The voxels in every bin."""
        edges = self._edges
        rows = [
            (float(low), float(high), int(count))
            for low, high, count in zip(edges[:-1], edges[1:], self._counts, strict=True)
        ]
        return ChartTable(("from_value", "to_value", "voxels"), rows)

    def tip_at(self, panel: Panel, x: float, y: float) -> str:
        """How many voxels lie in the bin under the pointer."""
        if not self.has_data:
            return ""
        edges = self._edges
        number = int(np.clip(np.searchsorted(edges, x) - 1, 0, self._counts.size - 1))
        ends = f"{edges[number]:.4g} to {edges[number + 1]:.4g}"
        return f"{ends}: {int(self._counts[number]):,} voxels\n{self.toolTip()}"

    # -- mouse --------------------------------------------------------------------------------

    def px_at(self, value: float) -> float:
        """Return how far (px) from the left a value lies."""
        return 0.0 if self._panel is None else self._panel.px_at(value, 0.0).x()

    def _grip_at(self, panel: Panel, x: float) -> _Grip | None:
        window = self._state.window
        at = panel.px_at(x, 0.0).x()
        low, high = (
            abs(min(max(self.px_at(each), 0.0), float(self.width())) - at)
            for each in (window.low, window.high)
        )
        if min(low, high) <= _GRIP_REACH:
            return "low" if low < high else "high"
        return "both" if window.low < x < window.high else None

    def press(self, panel: Panel, x: float) -> bool:
        """Take hold of an end of the window, or of both."""
        self._from, self._held = x, self._grip_at(panel, x)
        return self._held is not None

    def drag(self, x: float) -> None:
        """Move what is held."""
        window = self._state.window
        least = (self._high - self._low) * _NARROWEST
        if self._held == "low":
            edges = min(x, window.high - least), window.high
        elif self._held == "high":
            edges = window.low, max(x, window.low + least)
        else:
            edges = window.low + x - self._from, window.high + x - self._from
        self._from = x
        self._state.preview(window.reshaped(sum(edges) / 2, edges[1] - edges[0]))

    def release(self) -> None:
        """Hold nothing: the drag is one step."""
        self._held = None
        self._state.settle()

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Show by the cursor what a press would take hold of."""
        if self._held is None and self.has_data:
            shapes = {None: Qt.CursorShape.ArrowCursor, "both": Qt.CursorShape.SizeAllCursor}
            self.setCursor(shapes.get(self._grip_at(panel, x), Qt.CursorShape.SizeHorCursor))
