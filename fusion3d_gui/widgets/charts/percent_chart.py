"""``PercentChart``: base of charts of one fixed curve with both axes in percent, a gray diagonal behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Panel, Plot

_SIZE = (400, 310)
_RANGE = (-2.0, 102.0)


class PercentChart(Chart):
    """A subclass adds its curve in :meth:`add_curve`; the curve does not change afterwards."""

    BACKGROUND = "window"
    WHEEL_ZOOMS = True
    TITLE = ""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._is_made = False

    def sizeHint(self) -> QSize:
        """Large enough to tell points apart, the same for all, which stand side by side."""
        return QSize(theme.px(_SIZE[0]), theme.px(_SIZE[1]))

    @property
    def has_data(self) -> bool:
        """Always: the curve comes with the chart."""
        return True

    def fill(self, plot: Plot) -> None:
        """Draw the diagonal and the curve, once."""
        if self._is_made:
            return
        self._is_made = True
        plot.set_margins(10)
        panel = plot.add_panel(0, 0, self.TITLE)
        panel.add_axis("left").set_suffix(" %")
        panel.add_axis("bottom").set_suffix(" %")
        panel.set_home(_RANGE, _RANGE)
        panel.line("faint", 1).setData([0, 100], [0, 100])
        self.add_curve(panel)

    def add_curve(self, panel: Panel) -> None:
        """Add the curve to an empty panel, in percent."""
        raise NotImplementedError
