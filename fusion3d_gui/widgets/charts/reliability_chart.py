"""``ReliabilityChart``: the observed share of positive cases over the stated probability, in bins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QWidget

from fusion3d_gui.model.bundle.evaluation_curves import EvaluationCurves
from fusion3d_gui.state.prediction.operating_point import observed_share
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.charts.percent_chart import PercentChart

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Panel


class ReliabilityChart(PercentChart):
    """One dot a bin, with Wilson's interval; a well calibrated model lies on the gray line."""

    FILE_NAME = "reliability"
    TITLE = "Calibration: observed over stated"

    def __init__(self, curves: EvaluationCurves, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bins = [each for each in curves.reliability if each.cases]
        self._shares = [observed_share(each) for each in self._bins]
        self._x = np.array([100 * (each.mean_probability or 0.0) for each in self._bins])
        self._y = np.array([100 * each.value for each in self._shares])
        self.setAccessibleName("Reliability curve")
        self.setToolTip(
            "Each dot is a bin of cases, with the 95 % interval of the share observed.\n"
            "The wheel zooms, a drag moves, a right click saves."
        )

    def add_curve(self, panel: Panel) -> None:
        """Intervals, and dots over them."""
        ends = [(100 * each.low, 100 * each.high, np.nan) for each in self._shares]
        panel.line("accent", 1.5).setData(np.repeat(self._x, 3), np.array(ends).ravel())
        panel.line("accent", 1, 0.5).setData(self._x, self._y)
        panel.dots("accent", "window").setData(self._x, self._y)
        panel.show_summary("gray: perfect")

    def table(self) -> ChartTable:
        """Every bin that has a case."""
        rows = [
            (each.low, each.high, each.cases, each.positives, each.mean_probability, share.value)
            for each, share in zip(self._bins, self._shares, strict=True)
        ]
        header = ("from_probability", "to_probability", "cases", "positive")
        return ChartTable((*header, "stated_probability", "observed_share"), rows)

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Say what was stated and observed in the bin nearest to the pointer."""
        nearest = int(np.argmin(np.abs(self._x - x)))
        each, share = self._bins[nearest], self._shares[nearest]
        panel.show_reading(
            f"stated {self._x[nearest]:.0f} %: {each.positives} of {each.cases}, {share.text} "
            f"({share.interval})",
            float(self._x[nearest]),
            float(self._y[nearest]),
        )
