"""``PredictionPanel``: the Predict button, its progress, and the prediction with its provenance."""

from __future__ import annotations

from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.data.shown_prediction import ShownPrediction
from fusion3d_gui.state.prediction.my_prevalence import MyPrevalence
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.progress_bar import ProgressBar
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.side.readout import Readout


class PredictionPanel(QWidget):
    """Show the current prediction, grayed and marked once the form has changed since."""

    def __init__(
        self,
        store: Store,
        form: Form,
        predictions: Predictions,
        my_prevalence: MyPrevalence,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._form = form
        self._predictions = predictions
        self._my_prevalence = my_prevalence
        self.button = QPushButton("Predict")
        self.button.setProperty("primary", True)
        self.button.setFont(theme.font(theme.BODY, QFont.Weight.DemiBold))
        self.button.setToolTip("Predict from this scan and these values (Ctrl+Return)")
        self.problem = theme.label(size=12, color=theme.ERROR)
        self.problem.setWordWrap(True)
        self._progress = _Progress()
        self.share = QPushButton("Share…")
        self.share.setToolTip(
            "A page for a colleague, pictures, data, DICOM objects (Ctrl+Shift+E)"
        )
        self.readout = Readout()
        self._build()
        self._connect()
        self._on_lane_changed()
        self._on_result_changed()

    def _build(self) -> None:
        # Button and progress take turns in one row, so that nothing moves when a prediction starts.
        row = QWidget()
        row.setFixedHeight(36)
        self._stack = QStackedLayout(row)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.button)
        self._stack.addWidget(self._progress)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3 * theme.GRID)
        layout.addWidget(row)
        layout.addWidget(self.problem)
        layout.addWidget(self.readout)
        layout.addWidget(self.share)

    def _connect(self) -> None:
        self.button.clicked.connect(self._predictions.predict)
        self.readout.reset.clicked.connect(self._predictions.reset_form)
        self.readout.refusal.confirmed.connect(self._predictions.predict_despite_misfit)
        self.readout.withdraw.clicked.connect(self._store.drop_prediction)
        self._progress.cancel.clicked.connect(self._store.inference.cancel)
        self._store.inference.changed.connect(self._on_lane_changed)
        self._store.prediction_changed.connect(self._on_result_changed)
        self._my_prevalence.changed.connect(self._on_result_changed)
        self._store.case_changed.connect(self._on_lane_changed)
        self._store.bundle_changed.connect(self._on_lane_changed)
        self._form.edited.connect(self._on_lane_changed)
        self._form.schema_changed.connect(self._on_lane_changed)

    def _on_lane_changed(self) -> None:
        self._stack.setCurrentIndex(1 if self._store.predicting else 0)
        self._progress.show_progress(self._store.inference.fraction, self._store.inference.message)
        problems = self._form.problems if self._store.case is not None else {}
        labels = [self._form.schema[name].label for name in problems]
        self.problem.setText(f"Can't predict: see {', '.join(labels)}.")
        self.problem.setVisible(bool(problems))
        refused = self._predictions.refusal is not None
        self.button.setEnabled(self._store.can_predict and not problems and not refused)

    def _on_result_changed(self) -> None:
        self._on_lane_changed()
        predictions, shown = self._predictions, self._store.shown_prediction
        self.share.setVisible(predictions.current is not None)
        self.readout.show_demonstration(predictions.demonstration)
        if self._store.predicting and (shown is None or predictions.refusal is not None):
            self.readout.show_nothing("The prediction appears here.")
        elif predictions.refusal is not None:
            self.readout.show_refusal(predictions.refusal)
        elif shown is None:
            self.readout.show_nothing(self._why_nothing())
        else:
            self.readout.show_prediction(
                shown.prediction,
                outdated=predictions.is_outdated,
                what_if=predictions.what_if,
                calibrated_at=predictions.calibrated_at,
                restored=predictions.is_restored,
            )
            self._show_my_prevalence(shown)
            report, workbench = predictions.shown_fit, predictions.workbench
            fits = report is not None and report.fit == "fits" and workbench is not None
            outside = workbench.outside(self._form.values) if fits and workbench else ()
            self.readout.outside.setVisible(bool(outside))

    def _show_my_prevalence(self, shown: ShownPrediction) -> None:
        """Beside the number; a doubtful one is worth no second."""
        answer = self._predictions.what_if or shown.prediction
        text = self._my_prevalence.text(shown.request.bundle, answer.probability)
        self.readout.show_my_prevalence(text if answer.fit.fit == "fits" else "")

    def _why_nothing(self) -> str:
        if self._store.bundle is None:
            return "Choose a model to predict with."
        if self._store.case is None:
            return "Open a scan, fill in the form, then predict."
        if not self._store.case.is_complete:
            return "The scan is still being read."
        return "Fill in the form, then predict."


class _Progress(QWidget):
    """The running task, its progress, and a Cancel button."""

    def __init__(self) -> None:
        super().__init__()
        self._message = theme.label(size=12, color=theme.MUTED)
        self._bar = ProgressBar()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Cancel the computation (Esc)")
        left = QVBoxLayout()
        left.setSpacing(6)
        left.addWidget(self._message)
        left.addWidget(self._bar)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3 * theme.GRID)
        layout.addLayout(left, 1)
        layout.addWidget(self.cancel)

    def show_progress(self, fraction: float, message: str) -> None:
        self._bar.show_fraction(fraction)
        self._message.setText(message)
