"""``SanityDialog``: whether the heatmap deserves trust: the verdict of each check, and charts of the figures."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.state.data.shown_prediction import MapChecks
from fusion3d_gui.widgets.charts.chart_menu import save_chart
from fusion3d_gui.widgets.charts.map_check_chart import MapCheckChart
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.dialog_position import center_over

_NOTE = (
    "Likeness: rank correlation of two maps over the tissue. Randomised: weights made random again from the "
    "head down (Adebayo et al. 2018). Deleting and showing: voxels in the order of the map, against "
    "maps of chance as coarse as it (Petsiuk et al. 2018). Passing does not prove a map right; failing means not to rely "
    "on it."
)


class SanityDialog(QDialog):
    """Not modal: the views stay usable beside it."""

    def __init__(self, checks: MapChecks, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Does this heatmap deserve trust?")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(2 * theme.GRID)
        # Else Qt would squeeze it into two thirds of the screen.
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
        found = checks.report.verdicts
        title = f"{sum(each.passed for each in found)} of {len(found)} checks passed"
        layout.addWidget(theme.label(title, size=theme.LARGE, medium=True))
        layout.addWidget(theme.label(checks.subject, size=12, color=theme.MUTED))
        grid = QGridLayout()
        grid.setHorizontalSpacing(3 * theme.GRID)
        grid.setVerticalSpacing(theme.GRID)
        grid.setColumnStretch(1, 1)
        self.verdicts = []
        for number, verdict in enumerate(found):
            color = theme.TEXT if verdict.passed else theme.WARNING
            label = theme.label(f"{'✓' if verdict.passed else '✗'}  {verdict.text}.", color=color)
            self.verdicts.append(label)
            grid.addWidget(label, number, 0)
            grid.addWidget(theme.label(verdict.figures, size=12, color=theme.MUTED), number, 1)
        layout.addLayout(grid)
        self.chart = MapCheckChart(checks.report)
        self.chart.set_source(
            checks.subject,
            *(
                f"{'Passed' if each.passed else 'Failed'}: {each.text} ({each.figures})."
                for each in found
            ),
        )
        self.chart.setFixedSize(self.chart.sizeHint())
        layout.addWidget(self.chart)
        note = theme.label(f"{RESEARCH_USE_ONLY}. {_NOTE}", size=theme.SMALL, color=theme.FAINT)
        note.setWordWrap(True)
        note.setFixedWidth(self.chart.width())
        layout.addWidget(note)
        self.save = QPushButton("Save image…")
        self.save.setToolTip(
            "Write the charts above as a PNG; a right click on them offers SVG and CSV too"
        )
        close = QPushButton("Close")
        close.setDefault(True)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.save)
        row.addWidget(close)
        layout.addLayout(row)
        self.save.clicked.connect(self._on_save)
        close.clicked.connect(self.close)
        self.adjustSize()
        center_over(self, parent)

    def _on_save(self) -> None:
        content = self.chart.content()
        if content is not None:
            save_chart(self, content, "png")
