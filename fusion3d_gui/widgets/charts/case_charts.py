"""ROC and calibration of the cases of a table: a click selects the cases behind a point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Item, Panel, Plot
    from fusion3d_gui.widgets.charts.plot_items import Dots

_SIZE = (300, 230)
_RANGE = (-3.0, 103.0)
#: Of a selection so many points are marked at most.
_MOST_MARKED = 60
#: The points of a curve with so few are marked: they are what a click aims at.
_MOST_DOTS = 20
#: More points of a curve can't be told apart on screen, and take 30 ms to paint.
_MOST_DRAWN = 400


class Curves(Protocol):
    """What the charts draw: the curves of the cases that the filter finds."""

    @property
    def rows(self) -> np.ndarray: ...
    @property
    def probability(self) -> np.ndarray: ...
    @property
    def thresholds(self) -> np.ndarray: ...
    @property
    def sensitivity(self) -> np.ndarray: ...
    @property
    def one_minus_specificity(self) -> np.ndarray: ...
    @property
    def auc(self) -> float: ...
    @property
    def has_both_classes(self) -> bool: ...
    def misclassified(self, threshold: float) -> np.ndarray: ...
    def bin_of(self, probability: np.ndarray) -> np.ndarray: ...
    def bins(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]: ...
    def rows_of_bin(self, number: int) -> np.ndarray: ...


class _CaseChart(Chart):
    """A curve of points in percent, the points of selected cases marked."""

    BACKGROUND = "window"
    TITLE = ""
    #: Rows of the table that were chosen by a click.
    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: Curves | None = None
        self._x = self._y = np.zeros(0)
        self._selected = np.zeros(0, np.int64)
        self._nearest = -1
        self._made: tuple[Panel, Item, Dots, Dots] | None = None

    def sizeHint(self) -> QSize:
        """As wide as a column beside the table."""
        return QSize(theme.px(_SIZE[0]), theme.px(_SIZE[1]))

    @property
    def has_data(self) -> bool:
        """Whether there are cases with a label and a probability."""
        return bool(len(self._x))

    def show_curves(self, curves: Curves | None, selected: np.ndarray) -> None:
        """Draw the curve of these cases (None: nothing), and mark the selected rows."""
        if curves is self._curves and selected is self._selected:
            return
        self._curves, self._selected, self._nearest = curves, selected, -1
        self._x, self._y = (np.zeros(0), np.zeros(0)) if curves is None else self.points(curves)
        self.refresh()

    def points(self, curves: Curves) -> tuple[np.ndarray, np.ndarray]:
        """The curve's points, in percent."""
        raise NotImplementedError

    def path(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The line through points."""
        return x, y

    def points_of(self, curves: Curves, chances: np.ndarray) -> np.ndarray:
        """Numbers of the points behind which cases of these probabilities lie."""
        raise NotImplementedError

    def summary(self, curves: Curves) -> str:
        """What stands above the chart."""
        raise NotImplementedError

    def fill(self, plot: Plot) -> None:
        """Draw the diagonal, the curve and the marks."""
        if self._made is None:
            plot.set_margins(10)
            panel = plot.add_panel(0, 0, self.TITLE)
            panel.add_axis("left").set_suffix(" %")
            panel.add_axis("bottom").set_suffix(" %")
            panel.set_home(_RANGE, _RANGE)
            panel.line("faint", 1).setData([0, 100], [0, 100])
            line, dots = panel.line("accent", 2), panel.dots("accent", "window")
            self._made = panel, line, dots, panel.dots("warning", "window")
        panel, line, dots, marks = self._made
        count = len(self._x)
        drawn = np.unique(np.linspace(0, count - 1, min(count, _MOST_DRAWN)).astype(int))
        line.setData(*self.path(self._x[drawn], self._y[drawn]))
        few = count <= _MOST_DOTS
        dots.setData(self._x if few else [], self._y if few else [])
        curves = self._curves
        panel.show_summary("" if curves is None else self.summary(curves))
        chosen = np.zeros(0, np.int64)
        if curves is not None and len(self._selected):
            is_selected = np.isin(curves.rows, self._selected)
            chosen = np.unique(self.points_of(curves, curves.probability[is_selected]))
        chosen = chosen[np.linspace(0, len(chosen) - 1, min(len(chosen), _MOST_MARKED)).astype(int)]
        marks.setData(self._x[chosen], self._y[chosen])

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Mark the point nearest to the pointer."""
        if not len(self._x):
            return
        self._nearest = int(np.argmin((self._x - x) ** 2 + (self._y - y) ** 2))
        text = self.reading(self._nearest)
        panel.show_reading(text, float(self._x[self._nearest]), float(self._y[self._nearest]))

    def reading(self, number: int) -> str:
        """What a point says."""
        raise NotImplementedError

    def rows_at(self, number: int) -> np.ndarray:
        """Rows behind a point."""
        raise NotImplementedError

    def press(self, panel: Panel, x: float) -> bool:
        """Select the cases behind the point nearest to the pointer."""
        if self._nearest < 0 or self._nearest >= len(self._x):
            return False
        self.chosen.emit(self.rows_at(self._nearest))
        return True


class CaseRocChart(_CaseChart):
    """A click selects the cases that are on the wrong side of that threshold."""

    FILE_NAME = "roc-of-cases"
    TITLE = "ROC"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("ROC curve of the cases listed")
        self.setToolTip(
            "A click selects the cases that are misclassified at that threshold.\n"
            "Marked are the thresholds of the selected cases. A right click saves."
        )

    def points(self, curves: Curves) -> tuple[np.ndarray, np.ndarray]:
        if not curves.has_both_classes:
            return np.zeros(0), np.zeros(0)
        return 100 * curves.one_minus_specificity, 100 * curves.sensitivity

    def path(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From the threshold above all probabilities, at which no case is called positive."""
        return (np.r_[0.0, x], np.r_[0.0, y]) if len(x) else (x, y)

    def points_of(self, curves: Curves, chances: np.ndarray) -> np.ndarray:
        if not len(self._x):
            return np.zeros(0, np.int64)
        return np.searchsorted(-curves.thresholds, -chances).clip(max=len(self._x) - 1)

    def summary(self, curves: Curves) -> str:
        if not curves.has_both_classes:
            return "one class only"
        return f"AUC {curves.auc:.3f}, {len(curves.rows):,} cases"

    def reading(self, number: int) -> str:
        assert self._curves is not None
        threshold = float(self._curves.thresholds[number])
        return f"from {percent(threshold)} on: {len(self.rows_at(number)):,} wrong"

    def rows_at(self, number: int) -> np.ndarray:
        assert self._curves is not None
        return self._curves.misclassified(float(self._curves.thresholds[number]))

    def table(self) -> ChartTable:
        """Every point of the curve."""
        curves = self._curves
        rows = (
            []
            if curves is None
            else [
                (float(t), float(s), float(a))
                for t, s, a in zip(
                    curves.thresholds, curves.sensitivity, curves.one_minus_specificity, strict=True
                )
            ]
        )
        return ChartTable(("threshold", "sensitivity", "one_minus_specificity"), rows)


class CaseCalibrationChart(_CaseChart):
    """A click selects the cases of a bin."""

    FILE_NAME = "calibration-of-cases"
    TITLE = "Calibration"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Calibration of the cases listed")
        self.setToolTip(
            "Observed share of positive cases over the stated probability, in ten bins.\n"
            "A click selects the cases of a bin. A right click saves."
        )

    def points(self, curves: Curves) -> tuple[np.ndarray, np.ndarray]:
        _, mean, share, _ = curves.bins()
        return 100 * mean, 100 * share

    def points_of(self, curves: Curves, chances: np.ndarray) -> np.ndarray:
        number, _, _, _ = curves.bins()
        return np.searchsorted(number, curves.bin_of(chances))

    def summary(self, curves: Curves) -> str:
        return "gray: perfect"

    def reading(self, number: int) -> str:
        assert self._curves is not None
        _, mean, share, count = self._curves.bins()
        return f"stated {100 * mean[number]:.0f} %, observed {100 * share[number]:.0f} % of {count[number]:,}"

    def rows_at(self, number: int) -> np.ndarray:
        assert self._curves is not None
        return self._curves.rows_of_bin(int(self._curves.bins()[0][number]))

    def table(self) -> ChartTable:
        """Every bin with cases."""
        if self._curves is None:
            return ChartTable(("bin", "cases", "stated_probability", "observed_share"), [])
        rows = [
            (int(n), int(count), float(mean), float(share))
            for n, mean, share, count in zip(*self._curves.bins(), strict=True)
        ]
        return ChartTable(("bin", "cases", "stated_probability", "observed_share"), rows)
