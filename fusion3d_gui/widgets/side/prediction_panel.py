"""``PredictionPanel``: the Predict button, its progress, and the prediction with its provenance."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.inference.analysis.result_types import WhatIf
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.gauge import Gauge
from fusion3d_gui.widgets.controls.progress_bar import ProgressBar
from fusion3d_gui.widgets.look import theme

OUTSIDE = "Outside this model's training data"


class PredictionPanel(QWidget):
    """Show the current prediction, grayed and marked once the form has changed since."""

    def __init__(
        self, store: Store, form: Form, predictions: Predictions, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._form = form
        self._predictions = predictions
        self.button = QPushButton("Predict")
        self.button.setProperty("primary", True)
        self.button.setFont(theme.font(theme.BODY, QFont.Weight.DemiBold))
        self.button.setToolTip("Predict from this scan and these values (Ctrl+Return)")
        self.problem = theme.label(size=12, color=theme.ERROR)
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.problem.setWordWrap(True)
        self._progress = _Progress()
        self.readout = _Readout()
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

    def _connect(self) -> None:
        self.button.clicked.connect(self._predictions.predict)
        self.readout.reset.clicked.connect(self._predictions.reset_form)
        self._progress.cancel.clicked.connect(self._store.inference.cancel)
        self._store.inference.changed.connect(self._on_lane_changed)
        self._store.prediction_changed.connect(self._on_result_changed)
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
        self.button.setEnabled(self._store.can_predict and not problems)

    def _on_result_changed(self) -> None:
        self._on_lane_changed()
        if self._store.shown_prediction is None:
            self.readout.show_nothing(self._why_nothing())
        else:
            self.readout.show_prediction(
                self._store.shown_prediction.prediction,
                outdated=self._predictions.is_outdated,
                what_if=self._predictions.what_if,
            )
            has_prediction = (
                self._predictions.current is not None or self._predictions.what_if is not None
            )
            values = self._form.values
            outside = (
                self._store.shown_prediction.workbench.outside(values) if has_prediction else ()
            )
            self.readout.outside.setVisible(bool(outside))

    def _why_nothing(self) -> str:
        if self._store.bundle is None:
            return "Choose a model to predict with."
        if self._store.case is None:
            return "Open a scan, fill in the form, then predict."
        if not self._store.case.is_complete:
            return "The scan is still being read."
        if self._store.predicting:
            return "The prediction appears here."
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


class _Readout(QWidget):
    """The prediction: class, probability, gauge, warnings, provenance."""

    def __init__(self) -> None:
        super().__init__()
        self._hint = theme.label(color=theme.MUTED)
        self._hint.setWordWrap(True)
        self._body = QWidget()
        self.outdated = theme.label(color=theme.WARNING)
        self.outdated.setFont(theme.font(theme.BODY, QFont.Weight.Medium))
        self.reset = QPushButton("Reset")
        self.reset.setProperty("quiet", True)
        self.reset.setToolTip("Put the form back to the values that were predicted")
        self.number = theme.label()
        self.number.setFont(theme.font(theme.HUGE, QFont.Weight.Medium))
        self.class_name = theme.label(size=theme.LARGE, medium=True)
        self.class_name.setWordWrap(True)
        self._meaning = theme.label(size=12, color=theme.MUTED)
        self._meaning.setWordWrap(True)
        self.gauge = Gauge()
        self.outside = theme.label(OUTSIDE, color=theme.WARNING, medium=True)
        self.warnings = theme.label(size=12, color=theme.WARNING)
        self.warnings.setWordWrap(True)
        self.provenance = theme.label(size=theme.SMALL, color=theme.FAINT)
        self.provenance.setWordWrap(True)
        self.provenance.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

        names = QVBoxLayout()
        names.setSpacing(2)
        names.addStretch(1)
        names.addWidget(self.class_name)
        names.addWidget(self._meaning)
        names.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(4 * theme.GRID)
        head.addWidget(self.number)
        head.addLayout(names, 1)
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(2 * theme.GRID)
        changed = QHBoxLayout()
        changed.addWidget(self.outdated, 1)
        changed.addWidget(self.reset)
        body.addLayout(changed)
        body.addLayout(head)
        body.addWidget(self.gauge)
        body.addWidget(self.outside)
        body.addWidget(self.warnings)
        body.addWidget(self.provenance)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._hint)
        layout.addWidget(self._body)

    def show_nothing(self, why: str) -> None:
        """Show that there is no prediction, and why or what to do (``why``)."""
        self._hint.setText(why)
        self._hint.show()
        self._body.hide()

    def show_prediction(
        self, prediction: Prediction, *, outdated: bool, what_if: WhatIf | None
    ) -> None:
        """Show a prediction: grayed where it is outdated, or replaced by ``what_if`` and marked so."""
        self._hint.hide()
        self._body.show()
        for widget in (self.outdated, self.reset):
            widget.setVisible(outdated)
        self.outdated.setText(
            "Outdated: the form has changed since." if what_if is None else "What if, not predicted"
        )
        color = theme.FAINT if outdated and what_if is None else theme.TEXT
        for label in (self.number, self.class_name):
            theme.set_color(label, color)
        self.number.setText(percent(prediction.probability))
        self.number.setToolTip(f"{prediction.probability:.6f} (logit {prediction.logit:.4f})")
        self.class_name.setText(prediction.class_text)
        self._meaning.setText(f"calibrated probability of {prediction.class_names[1]}")
        self.gauge.show_value(prediction.probability, prediction.threshold, live=not outdated)
        notices = prediction.notices if what_if is None else what_if.notices
        self.warnings.setText("\n".join(notices))
        self.warnings.setVisible(bool(notices))
        if what_if is not None:
            self._show_what_if(what_if)
        when = prediction.created.astimezone()
        self.provenance.setText(
            ("" if what_if is None else "What if, not predicted  ·  ")
            + f"{prediction.bundle_name} {prediction.bundle_version}  ·  {prediction.device}  ·  "
            f"{prediction.seconds:.1f} s  ·  {when:%H:%M}  ·  scan {prediction.volume_sha256[:8]}"
        )
        self.provenance.setToolTip(
            f"Weights SHA-256 {prediction.weights_sha256}\n"
            f"Voxels SHA-256 {prediction.volume_sha256}\n{when:%Y-%m-%d %H:%M:%S %Z}"
        )

    def _show_what_if(self, what_if: WhatIf) -> None:
        """Show the what-if probability in place of the prediction, which the gauge keeps marked."""
        prediction, chance = what_if.prediction, what_if.probability
        self.number.setText(percent(chance))
        self.number.setToolTip(f"{chance:.6f} (logit {what_if.logit:.4f}), not predicted")
        self.class_name.setText(what_if.class_name)
        self._meaning.setText(
            f"for the form as it is now; predicted was {percent(prediction.probability)}"
        )
        self.gauge.show_value(chance, prediction.threshold, live=True, ghost=prediction.probability)
