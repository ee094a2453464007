"""``ScoreChart``: how validation cases of either class scored, with this case's probability among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Item, Panel, Plot
    from fusion3d_gui.widgets.charts.plot_items import Axis

_BINS, _ROW, _AXIS = 40, 50, 17
_ROLES = ("accent", "warning")


class ScoreChart(Chart):
    """Two histograms over 0 to 100 %, one a class, each to its own height."""

    FILE_NAME = "validation-scores"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._counts: list[np.ndarray] = []
        self._chance = 0.0
        self._panels_made: list[tuple[Panel, Item, Item]] = []
        self._axis: Axis | None = None
        self.setToolTip(
            "Validation cases by their calibrated probability; the line is this case.\n"
            "Ctrl+wheel zooms, a right click saves."
        )

    def sizeHint(self) -> QSize:
        """Two histograms with their titles, over one axis."""
        return QSize(200, theme.px(2 * _ROW + _AXIS))

    def show_scores(
        self, names: Sequence[str], scores: Sequence[np.ndarray], chance: float
    ) -> None:
        """Draw the probabilities (0..1) of validation cases by class, and this case's own."""
        self._names, self._chance = tuple(names), chance
        self._counts = [np.histogram(values, _BINS, (0, 1))[0] for values in scores]
        self.setAccessibleName(
            f"Probabilities of the validation cases; this case: {percent(chance)}"
        )
        self.refresh()

    @property
    def has_data(self) -> bool:
        """Whether there are validation cases."""
        return bool(self._counts)

    def fill(self, plot: Plot) -> None:
        """Draw both histograms, the line through them and its probability."""
        if not self._panels_made:
            plot.set_margins()
            for number, (name, role) in enumerate(zip(self._names, _ROLES, strict=True)):
                self._panels_made.append(_add_panel(plot.add_panel(number, 0, name), role))
            first, last = self._panels_made[0][0], self._panels_made[-1][0]
            first.link_x(last)
            self._axis = last.add_axis("bottom")
        assert self._axis is not None
        left = np.arange(_BINS) / _BINS
        for (panel, bars, own), name, counts in zip(
            self._panels_made, self._names, self._counts, strict=True
        ):
            panel.set_home((0.0, 1.0), (0.0, 1.08 * max(int(counts.max()), 1)), zooms_y=False)
            assert panel.title is not None
            panel.title.title = name
            panel.show_summary(f"{int(counts.sum())} cases")
            width = np.full(_BINS, 0.85 / _BINS)
            bars.setOpts(x0=left, y0=np.zeros(_BINS), width=width, height=counts)
            own.setValue(self._chance)
        self._axis.setTicks([[(share, f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0)]])
        self._axis.mark(self._chance, percent(self._chance))

    def table(self) -> ChartTable:
        """The cases in every bin of either class."""
        rows = [
            (name, number / _BINS, (number + 1) / _BINS, int(count))
            for name, counts in zip(self._names, self._counts, strict=True)
            for number, count in enumerate(counts)
        ]
        return ChartTable(("class", "from_probability", "to_probability", "cases"), rows)

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Say how many cases lie in the bin under the pointer."""
        number = next(n for n, made in enumerate(self._panels_made) if made[0] is panel)
        place = min(max(int(x * _BINS), 0), _BINS - 1)
        count = int(self._counts[number][place])
        ends = f"{100 * place / _BINS:g} to {100 * (place + 1) / _BINS:g} %"
        panel.show_reading(f"{ends}: {count} case{'s' * (count != 1)}", (place + 0.42) / _BINS)


def _add_panel(panel: Panel, role: str) -> tuple[Panel, Item, Item]:
    from fusion3d_gui.widgets.charts.plot_items import ink

    bars = panel.bars(lambda: [ink(role, 0.75)] * _BINS)
    panel.rule("line", across=True).setValue(0)
    return panel, bars, panel.rule("text", 2, across=False)
