"""``PerformanceView``: ROC and reliability curve, figures, and what a call is worth at the user's prevalence."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.bundle.evaluation_curves import RocPoint
from fusion3d_gui.model.schema import Field
from fusion3d_gui.state.prediction.model_facts import figure_table, held_out_text
from fusion3d_gui.state.prediction.my_prevalence import MyPrevalence
from fusion3d_gui.state.prediction.operating_point import Share, decision_point, operating_point
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.charts.reliability_chart import ReliabilityChart
from fusion3d_gui.widgets.charts.roc_chart import RocChart
from fusion3d_gui.widgets.controls.number_box import NumberBox
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.model_page.fact_view import NOT_RECORDED, fact_table, note

_PREVALENCE = Field(
    "prevalence",
    "My prevalence",
    "number",
    unit="%",
    minimum=0.1,
    maximum=99.9,
    mean=10,
    decimals=1,
)
_COLUMNS = ("Positive from", "Sensitivity", "Specificity", "PPV", "NPV")
_FIGURES_HEIGHT = 7 * 26


class PerformanceView(QWidget):
    """The field takes the prevalence for this model; the figures under it follow the pointer on the ROC curve."""

    def __init__(
        self, info: BundleInfo, my_prevalence: MyPrevalence, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._info, self._curves, self._my_prevalence = info, info.curves, my_prevalence
        self._point: RocPoint | None = None
        self.box = NumberBox(_PREVALENCE)
        self.box.setFixedSize(theme.px(130), theme.px(theme.CONTROL))
        self.box.setAccessibleName(_PREVALENCE.label)
        self.box.setToolTip("Share of the people you examine who have the finding; remembered")
        self.stated = theme.label(size=12, color=theme.MUTED)
        self.stated.setWordWrap(True)
        self.roc: RocChart | None = None
        self.reliability: ReliabilityChart | None = None
        self.values = [theme.label(size=theme.LARGE, medium=True) for _ in _COLUMNS]
        self.ranges = [theme.label(size=theme.SMALL, color=theme.FAINT) for _ in _COLUMNS]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3 * theme.GRID)
        layout.addLayout(self._prevalence_row())
        layout.addWidget(note(held_out_text(info) or f"Evaluation: {NOT_RECORDED}"))
        if self._curves is None:
            layout.addWidget(note(f"ROC and calibration curve: {NOT_RECORDED}"))
        else:
            self._point = decision_point(self._curves, info.decision.threshold)
            self.roc = RocChart(self._curves, self._point)
            self.reliability = ReliabilityChart(self._curves)
            source = f"{info.name} {info.version}", held_out_text(info)
            charts = QHBoxLayout()
            charts.setSpacing(6 * theme.GRID)
            for chart in (self.roc, self.reliability):
                chart.set_source(*source)
                chart.setFixedHeight(chart.sizeHint().height())
                charts.addWidget(chart, 1)
            # Above the charts: never scrolled away while the pointer is on the curve.
            layout.addLayout(self._operating_point_grid())
            layout.addLayout(charts)
            self.roc.pointed.connect(self._on_pointed)
        figures = figure_table(info)
        if figures is not None:
            table = fact_table(figures, "Figures", self)
            table.setFixedHeight(theme.px(_FIGURES_HEIGHT))
            layout.addWidget(table)
        layout.addStretch(1)
        self.box.textEdited.connect(self._on_typed)
        my_prevalence.changed.connect(self._show_prevalence)
        self._show_prevalence()

    def _prevalence_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2 * theme.GRID)
        name = theme.label(_PREVALENCE.label)
        name.setBuddy(self.box)
        row.addWidget(name)
        row.addWidget(self.box)
        row.addWidget(self.stated, 1)
        return row

    def _operating_point_grid(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(4 * theme.GRID)
        grid.setVerticalSpacing(2)
        self.titles: list[QLabel] = []
        for column, title in enumerate(_COLUMNS):
            self.titles.append(theme.label(title, size=12, color=theme.MUTED))
            for row, label in enumerate(
                (self.titles[-1], self.values[column], self.ranges[column])
            ):
                grid.addWidget(label, row, column, Qt.AlignmentFlag.AlignLeft)
            grid.setColumnStretch(column, 1)
        return grid

    def _on_typed(self) -> None:
        given = self.box.given
        self.box.set_refused(bool(self.box.text().strip()) and given is None)
        self._my_prevalence.set(self._info, None if given is None else given / 100)

    def _show_prevalence(self) -> None:
        share = self._my_prevalence.of(self._info)
        given = self.box.given
        if not self.box.hasFocus() and given != (None if share is None else 100 * share):
            self.box.setText("" if share is None else f"{100 * share:.3g}")
        self.stated.setText(self._stated_text())
        self._show_point(self._point)

    def _stated_text(self) -> str:
        at, name = self._info.calibrated_at, self._info.decision.class_names[1]
        if at is None:
            return (
                "It is not recorded for which prevalence this model is calibrated: probabilities can't be "
                "shifted to mine."
            )
        return (
            f"Stated probabilities are calibrated at {percent(at)} {name}. With my prevalence, the "
            "prediction shows the probability at mine beside the stated one."
        )

    def _on_pointed(self, point: RocPoint | None) -> None:
        if self._curves is None:
            return
        if point is None:
            point = decision_point(self._curves, self._info.decision.threshold)
        self._point = point
        self._show_point(point)

    def _show_point(self, point: RocPoint | None) -> None:
        """Show what calling cases positive from this point's threshold on means."""
        if self._curves is None or point is None:
            return
        mine = self._my_prevalence.of(self._info)
        prevalence = self._curves.prevalence if mine is None else mine
        found = operating_point(self._curves, point, prevalence)
        own = point.threshold == self._info.decision.threshold
        self.values[0].setText(percent(point.threshold))
        self.ranges[0].setText("the model's threshold" if own else "under the pointer")
        shares = (found.sensitivity, found.specificity, found.ppv, found.npv)
        for value, interval, share in zip(self.values[1:], self.ranges[1:], shares, strict=True):
            value.setText(_value(share))
            interval.setText("" if share is None else share.interval)
        whose = "of the evaluation" if mine is None else "my prevalence"
        at = f"at {100 * prevalence:.3g} %, {whose}"
        for title, name in zip(self.titles[3:], _COLUMNS[3:], strict=True):
            title.setText(f"{name} {at}")


def _value(share: Share | None) -> str:
    return "–" if share is None else share.text
