"""``WorkbenchPanel``: analysis of one prediction on three pages: what-if, contributions, uncertainty."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.prediction.augmentation_run import Augmentation
from fusion3d_gui.state.prediction.my_prevalence import MyPrevalence
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.charts.curve_chart import CurveChart
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.side.chart_source import chart_source
from fusion3d_gui.widgets.side.uncertainty_page import UncertaintyPage
from fusion3d_gui.widgets.side.why_page import WhyPage

_PAGES = (
    ("What if", "How the probability changes with other clinical values"),
    ("Why", "What the image and the clinical values contribute to the prediction"),
    (
        "How sure",
        "How uncertain the prediction is, and whether the case resembles the training data",
    ),
)
_CURVES = "Probability over the range of each value, with the others as in the form."


class WorkbenchPanel(QWidget):
    """Three buttons, each of which opens and closes its page; at most one page is open.

    Pages follow the form live. Hidden until there is a prediction.
    """

    def __init__(
        self,
        store: Store,
        form: Form,
        predictions: Predictions,
        augmentation: Augmentation,
        my_prevalence: MyPrevalence,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._form = form
        self._predictions = predictions
        self._augmentation = augmentation
        self.curves = CurveChart()
        self.why = WhyPage(form, predictions)
        self.uncertainty = UncertaintyPage(store, form, predictions, augmentation, my_prevalence)
        self._curves_text = theme.label(size=12, color=theme.MUTED)
        self._curves_text.setWordWrap(True)
        self._problem = theme.label(size=12, color=theme.ERROR)
        self._problem.setWordWrap(True)
        self._problem.hide()
        self.buttons: list[QPushButton] = []
        self._pages = [
            _page(self._curves_text, self.curves),
            self.why,
            self.uncertainty,
        ]
        # One refresh for all signals of one event, after the prediction itself is on screen.
        self._refresh_timer = QTimer(self)
        self._refresh_timer.setSingleShot(True)
        self._refresh_timer.setInterval(0)
        self._refresh_timer.timeout.connect(self._refresh)
        self._build()
        self.curves.tried.connect(self._form.set_value)
        self._store.prediction_changed.connect(self._on_result_changed)
        self._on_result_changed()

    def _build(self) -> None:
        row = Segments(exclusive=False)
        for number, (text, tip) in enumerate(_PAGES):
            button = row.add(text, tip)
            button.clicked.connect(lambda on, page=number: self.show_page(page if on else None))
            self.buttons.append(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3 * theme.GRID)
        layout.addWidget(row)
        layout.addWidget(self._problem)
        for page in self._pages:
            layout.addWidget(page)
        self.show_page(None)

    def show_page(self, number: int | None) -> None:
        """Open a page (0 what if, 1 why, 2 how sure) in place of the open one; None closes it."""
        for each, (button, page) in enumerate(zip(self.buttons, self._pages, strict=True)):
            button.setChecked(each == number)
            page.setVisible(each == number)
        self._refresh_timer.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Refresh: changes made while this was hidden are not yet shown."""
        self._refresh_timer.start()

    def _on_result_changed(self) -> None:
        self.setVisible(self._predictions.workbench is not None)
        self._refresh_timer.start()

    def _refresh(self) -> None:
        workbench = self._predictions.workbench
        if workbench is None or not self.isVisible():
            return
        values = self._form.values
        problem = self._form.problem
        self._problem.setText(f"Not computed. {problem}")
        self._problem.setVisible(bool(problem) and any(b.isChecked() for b in self.buttons))
        for button, page in zip(self.buttons, self._pages, strict=True):
            page.setVisible(button.isChecked() and not problem)
        if problem:
            return
        if self.buttons[0].isChecked():
            curves = workbench.curves(values)
            self.curves.set_source(*chart_source(self._predictions, self._form))
            fits = workbench.fit(values).fit == "fits"
            self.curves.show_curves(curves, workbench.prediction.threshold if fits else None)
            self._curves_text.setText(
                " ".join((_CURVES, *workbench.case.info.schema.missing_notice(values)))
                if curves
                else "This model uses the image alone: there are no values to change."
            )
        elif self.buttons[1].isChecked():
            self.why.refresh()
        elif self.buttons[2].isChecked():
            self.uncertainty.refresh()


def _page(*widgets: QWidget) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2 * theme.GRID)
    for widget in widgets:
        layout.addWidget(widget)
    return page
