"""``RocChart``: sensitivity over 1 − specificity of an evaluation, with the model's operating point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, Signal
from PySide6.QtWidgets import QWidget

from fusion3d_gui.model.bundle.evaluation_curves import EvaluationCurves, RocPoint
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.charts.percent_chart import PercentChart

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Panel


class RocChart(PercentChart):
    """The point of the curve nearest to the pointer is marked and announced."""

    FILE_NAME = "roc"
    TITLE = "ROC: sensitivity over 1 − specificity"

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
        self.setAccessibleName("ROC curve")
        self.setToolTip(
            "Under the pointer: what calling cases positive from that threshold on means.\n"
            "The circle is where the model works. The wheel zooms, a drag moves, a right click saves."
        )

    def add_curve(self, panel: Panel) -> None:
        """The curve, and the operating point."""
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
