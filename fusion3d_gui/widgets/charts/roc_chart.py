"""``RocChart``: sensitivity over 1 − specificity of an evaluation, with the model's operating point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtWidgets import QWidget

from fusion3d_gui.model.evaluation_curves import EvaluationCurves, RocPoint
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Panel, Plot

_SIZE = (400, 310)
_RANGE = (-2.0, 102.0)


class RocChart(Chart):
    """The point of the curve nearest to the pointer is marked and announced."""

    BACKGROUND = "window"
    WHEEL_ZOOMS = True
    FILE_NAME = "roc"

    #: The :class:`RocPoint` under the pointer; None once the pointer has left.
    pointed = Signal(object)

    def __init__(
        self, curves: EvaluationCurves, decision: RocPoint, parent: QWidget | None = None
    ) -> None:
        """``decision`` is the point at which the model works."""
        super().__init__(parent)
        self._points = curves.roc
        self._x = np.array([100 * (1 - curves.specificity(each)) for each in curves.roc])
        self._y = np.array([100 * curves.sensitivity(each) for each in curves.roc])
        self._decision = (
            100 * (1 - curves.specificity(decision)),
            100 * curves.sensitivity(decision),
        )
        self._is_made = False
        self.setAccessibleName("ROC curve")
        self.setToolTip(
            "Under the pointer: what calling cases positive from that threshold on means.\n"
            "The circle is where the model works. The wheel zooms, a drag moves, a right click saves."
        )

    def sizeHint(self) -> QSize:
        """Large enough to tell points apart."""
        return QSize(theme.px(_SIZE[0]), theme.px(_SIZE[1]))

    @property
    def has_data(self) -> bool:
        """Always: the curve comes with the chart."""
        return True

    def fill(self, plot: Plot) -> None:
        """Draw it once: chance, the curve, the operating point."""
        if self._is_made:
            return
        self._is_made = True
        plot.set_margins(10)
        panel = plot.add_panel(0, 0, "ROC: sensitivity over 1 − specificity")
        panel.add_axis("left").set_suffix(" %")
        panel.add_axis("bottom").set_suffix(" %")
        panel.set_home(_RANGE, _RANGE)
        panel.line("faint", 1).setData([0, 100], [0, 100])
        panel.line("accent", 2).setData(np.array([0, *self._x]), np.array([0, *self._y]))
        panel.dots("panel", "text").setData([self._decision[0]], [self._decision[1]])
        panel.show_summary("gray: chance")

    def table(self) -> ChartTable:
        """Every point of the curve."""
        rows = [
            (point.threshold, float(y) / 100, 1 - float(x) / 100)
            for point, x, y in zip(self._points, self._x, self._y, strict=True)
        ]
        return ChartTable(("threshold", "sensitivity", "specificity"), rows)

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Mark the nearest point, and announce it."""
        nearest = int(np.argmin((self._x - x) ** 2 + (self._y - y) ** 2))
        point = self._points[nearest]
        at = float(self._x[nearest]), float(self._y[nearest])
        panel.show_reading(f"from {percent(point.threshold)} on", *at)
        self.pointed.emit(point)

    def leaveEvent(self, event: QEvent) -> None:
        """No point is under the pointer any more."""
        super().leaveEvent(event)
        self.pointed.emit(None)
