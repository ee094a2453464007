"""``CaseChartsPanel``: the charts beside the table of cases: ROC and calibration, or the map of embeddings."""

from __future__ import annotations

from functools import partial

import numpy as np
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.cases.case_embeddings import CaseEmbeddings
from fusion3d_gui.state.cases.case_table import CaseTable
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.charts.case_charts import CaseCalibrationChart, CaseRocChart
from fusion3d_gui.widgets.charts.case_map_chart import (
    NEGATIVE,
    POSITIVE,
    REFERENCE,
    SELECTED,
    CaseMapChart,
)
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_STEPS = 1000
_NO_CURVES = "ROC and calibration need labels (0 or 1) and results."
_LEGEND = (
    (REFERENCE, "reference"),
    (NEGATIVE, "case"),
    (POSITIVE, "positive"),
    (SELECTED, "selected"),
)


class CaseChartsPanel(QWidget):
    """What is selected in a chart is selected in the table, and is marked in every chart."""

    def __init__(
        self,
        store: Store,
        table: CaseTable,
        embeddings: CaseEmbeddings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._table, self._embeddings = store, table, embeddings
        self.choice = Segments()
        self.curves_button = self.choice.add("Curves", "ROC and calibration of the cases listed")
        self.map_button = self.choice.add(
            "Map", "The cases and the model's reference cases, as the model's image embeddings lie"
        )
        self.curves_button.setChecked(True)
        self.roc, self.calibration = CaseRocChart(), CaseCalibrationChart()
        self.map = CaseMapChart()
        self.no_curves = _note(_NO_CURVES)
        self.map_text = _note("")
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the map")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip(plain_tip("Make no map"))
        self._sheets = QStackedWidget()
        self._build()
        self._connect()
        self.show_all()

    def _build(self) -> None:
        curves, mapped = QWidget(), QWidget()
        above = QVBoxLayout(curves)
        above.setContentsMargins(0, 0, 0, 0)
        for widget in (self.roc, self.calibration, self.no_curves):
            above.addWidget(widget)
        above.addStretch(1)
        below = QVBoxLayout(mapped)
        below.setContentsMargins(0, 0, 0, 0)
        legend = QHBoxLayout()
        legend.setSpacing(theme.GRID)
        for role, name in _LEGEND:
            legend.addWidget(theme.label("●", size=theme.SMALL, color=getattr(theme, role.upper())))
            legend.addWidget(theme.label(name, size=theme.SMALL, color=theme.MUTED))
            legend.addSpacing(theme.GRID)
        legend.addStretch(1)
        self.legend = QWidget()
        self.legend.setLayout(legend)
        legend.setContentsMargins(0, 0, 0, 0)
        for part in (self.map, self.legend, self.map_text, self.bar, self.cancel):
            below.addWidget(part)
        below.addStretch(1)
        below.setStretchFactor(self.map, 100)
        self._sheets.addWidget(curves)
        self._sheets.addWidget(mapped)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2 * theme.GRID, 0, 0, 0)
        outer.setSpacing(2 * theme.GRID)
        outer.addWidget(self.choice)
        outer.addWidget(self._sheets, 1)

    def _connect(self) -> None:
        for chart in (self.roc, self.calibration, self.map):
            chart.chosen.connect(self._table.select)
        self.curves_button.clicked.connect(partial(self._show_sheet, 0))
        self.map_button.clicked.connect(partial(self._show_sheet, 1))
        self.cancel.clicked.connect(self._give_up)
        self._embeddings.changed.connect(self._show_map)

    def _show_sheet(self, number: int) -> None:
        self._sheets.setCurrentIndex(number)
        if number == 1:
            self._embeddings.want()
        self.show_all()

    def _give_up(self) -> None:
        self._embeddings.cancel()
        self.curves_button.click()

    @property
    def shows_map(self) -> bool:
        """Whether the map is chosen, rather than the curves."""
        return self._sheets.currentIndex() == 1

    def show_all(self) -> None:
        """Show what the table holds now, and what is selected in it."""
        curves = self._table.curves
        for chart in (self.roc, self.calibration):
            chart.setVisible(curves is not None)
            chart.show_curves(curves, self._table.selected)
        self.no_curves.setVisible(curves is None)
        self._show_map()

    def follow_table(self) -> None:
        """Another table, or other columns: make its map too where the map is chosen."""
        if self.shows_map and self._table.cases is not None and not self._table.busy:
            self._embeddings.want()

    def _show_map(self) -> None:
        if not self.shows_map:
            return
        state, cases = self._embeddings, self._table.cases
        mapped, running = state.map, state.progress
        positive = np.zeros(0, bool)
        names: tuple[str, ...] = ()
        if mapped is not None and cases is not None:
            label = cases.columns.get("label")
            positive = np.zeros(len(mapped.rows), bool)
            if label is not None and label.dtype.kind == "f":
                positive = label[mapped.rows] == 1
            hidden = self._store.identity.hidden
            names = tuple(
                f"Case {row + 1}" if hidden else cases.text(row, "case")
                for row in mapped.rows.tolist()
            )
        self.map.show_map(mapped, positive, names, self._table.order, self._table.selected)
        for part in (self.map, self.legend):
            part.setVisible(mapped is not None)
        for part in (self.bar, self.cancel):
            part.setVisible(running is not None)
        text = state.problem
        if running is not None:
            self.bar.setValue(round(_STEPS * running[0]))
            text = f"{running[1]}…"
        elif mapped is not None:
            of = "reference cases" if mapped.has_reference else "cases"
            share = 100 * sum(mapped.explained)
            text = f"PCA of the {of}. The map shows {share:.0f} % of their variance"
            if mapped.has_reference:
                text += f", {100 * mapped.shown_of_cases:.0f} % of that of the table's"
            text = f"{text}. {state.problem}".rstrip()
        self.map_text.setText(text)
        self.map_text.setVisible(bool(text))


def _note(text: str) -> QLabel:
    note = theme.label(text, size=theme.SMALL, color=theme.MUTED)
    note.setWordWrap(True)
    return note
