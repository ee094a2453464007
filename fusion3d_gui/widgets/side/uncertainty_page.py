"""``UncertaintyPage``: how uncertain a prediction is, and whether the case resembles the training data."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.inference.analysis.result_types import AtPrevalence, Uncertainty
from fusion3d_gui.inference.fit.fit_report import NOTHING_ODD, FitReport
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.prediction.augmentation_run import LABEL, Augmentation
from fusion3d_gui.state.prediction.my_prevalence import MyPrevalence
from fusion3d_gui.state.prediction.percent import percent, whole_percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.charts.score_chart import ScoreChart
from fusion3d_gui.widgets.controls.fact_group import Fact, FactGroup
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.side.chart_source import chart_source
from fusion3d_gui.widgets.side.readout import OUTSIDE

#: In per cent, until the user states one.
_USUAL_PREVALENCE = 10.0

_AUGMENT = "Shift and mirror the image too"
_AUGMENT_TIP = (
    "Runs the network seven more times: on the image shifted by two of its voxels in both directions "
    "along each axis, and mirrored left to right. If the probability changes much, it is not robust."
)


class UncertaintyPage(QWidget):
    """Uncertainty of the prediction for the form's values.

    The prevalence is the user's (``MyPrevalence``) and stays as set. A doubtful case is not compared with the validation
    cases. The warnings that say in which respect a case lies
    outside the training data are shown with the prediction (``PredictionPanel``), not here.
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
        self._my_prevalence = my_prevalence
        self._store = store
        self._form = form
        self._predictions = predictions
        self._augmentation = augmentation
        self.verdict = _text(theme.TITLE)
        theme.set_font(self.verdict, theme.TITLE, QFont.Weight.DemiBold)
        self.distance = FactGroup("Distance from the training cases")
        self.distance.setToolTip(
            "Mahalanobis distances from the training cases: of the coarse outline and grey values, and of "
            "the model's embedding of the image. The model card states what they detect, and how often "
            "they raise a false alarm."
        )
        self.looked_at = _text(theme.SMALL, theme.FAINT)
        self.range = FactGroup("Range of the probability")
        self.augment = QPushButton(_AUGMENT)
        self.augment.setProperty("quiet", True)
        self.augment.setToolTip(_AUGMENT_TIP)
        self.rank = FactGroup("Probability among the validation cases")
        self.strip = ScoreChart()
        self.prevalence = _PrevalenceBox()
        self.predictive_values = _text(12, theme.MUTED)
        self.neighbours = FactGroup("Most similar training cases: outcome, probability")
        self._prevalence_row = QWidget()
        row = QHBoxLayout(self._prevalence_row)
        row.setContentsMargins(0, 0, 0, 0)
        name = theme.label("My prevalence", color=theme.MUTED, size=12)
        name.setBuddy(self.prevalence)
        row.addWidget(name, 1)
        row.addWidget(self.prevalence)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        for widget in (
            self.verdict,
            self.range,
            self.augment,
            self.distance,
            self.rank,
            self.strip,
            self._prevalence_row,
            self.predictive_values,
            self.neighbours,
            self.looked_at,
        ):
            layout.addWidget(widget)
        layout.setAlignment(self.augment, Qt.AlignmentFlag.AlignLeft)
        self.augment.clicked.connect(self._on_augment_clicked)
        self._store.inference.changed.connect(self._show_augment_button)
        self.prevalence.valueChanged.connect(self._on_prevalence_set)
        my_prevalence.changed.connect(self._show_prevalence)

    def refresh(self) -> None:
        """Compute everything again for the form's values and show it."""
        workbench = self._predictions.workbench
        if workbench is None:
            return
        values = self._form.values
        uncertainty = workbench.uncertainty(values)
        report = workbench.fit(values)
        self._show_verdict(report, uncertainty, workbench.has_reference)
        self.range.show_facts(_range_facts(uncertainty, workbench.augmentation_range(values)))
        self._show_augment_button()
        names = workbench.prediction.class_names
        # Among the validation cases only a case that could be one of them has a place.
        fits = report.fit == "fits"
        self.rank.show_facts(_rank_facts(uncertainty, names) if fits else ())
        scores = workbench.validation_scores() if fits else None
        for widget in (self.strip, self._prevalence_row, self.predictive_values):
            widget.setVisible(scores is not None)
        if scores is not None:
            self.strip.set_source(*chart_source(self._predictions, self._form))
            self.strip.show_scores(names, scores, workbench.case.probability(values))
        self.neighbours.show_facts(_neighbour_facts(uncertainty, names))
        self._show_prevalence()

    def _on_prevalence_set(self, percentage: float) -> None:
        if self._store.bundle is not None:
            self._my_prevalence.set(self._store.bundle, percentage / 100)

    def _show_prevalence(self) -> None:
        bundle = self._store.bundle
        share = None if bundle is None else self._my_prevalence.of(bundle)
        self.prevalence.blockSignals(True)
        self.prevalence.setValue(_USUAL_PREVALENCE if share is None else 100 * share)
        self.prevalence.blockSignals(False)
        self._show_predictive_values()

    def _on_augment_clicked(self) -> None:
        if self._store.inference.label == LABEL:
            self._store.inference.cancel()
        else:
            self._augmentation.start()

    def _show_augment_button(self) -> None:
        workbench = self._predictions.workbench
        working = self._store.inference.label == LABEL
        self.augment.setVisible(
            working or (workbench is not None and workbench.augmented_features is None)
        )
        self.augment.setText(
            f"Cancel ({whole_percent(self._store.inference.fraction)})" if working else _AUGMENT
        )
        self.augment.setEnabled(working or self._augmentation.can_start)

    def _show_verdict(
        self, report: FitReport, uncertainty: Uncertainty, has_reference: bool
    ) -> None:
        if report.fit != "fits":
            self.verdict.setText(report.summary)
            color = theme.WARNING
        elif uncertainty.outside:
            self.verdict.setText(OUTSIDE)
            color = theme.WARNING
        elif not has_reference:
            self.verdict.setText("Not known: this model has no reference cases")
            color = theme.MUTED
        elif uncertainty.unusual:
            self.verdict.setText("Unusual, though not outside the training data")
            color = theme.WARNING
        else:
            self.verdict.setText(NOTHING_ODD)
            color = theme.TEXT
        theme.set_color(self.verdict, color)
        self.looked_at.setText(f"Looked at: {', '.join(report.looked_at)}.")
        self.distance.show_facts(_distance_facts(uncertainty))

    def _show_predictive_values(self) -> None:
        workbench = self._predictions.workbench
        if workbench is None or self._form.problems or not self.predictive_values.isVisibleTo(self):
            return
        chance = workbench.case.probability(self._form.values)
        found = workbench.at_prevalence(chance, self.prevalence.value() / 100)
        if found is not None:
            self.predictive_values.setText(_unbroken(_predictive_values_text(found)))


class _PrevalenceBox(QDoubleSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setRange(0.1, 99.9)
        self.setDecimals(1)
        self.setValue(_USUAL_PREVALENCE)
        self.setSuffix(" %")
        self.setFixedWidth(92)
        self.lineEdit().setTextMargins(7, 0, 0, 0)
        self.setFixedHeight(theme.CONTROL)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setAccessibleName("My prevalence")
        self.setToolTip("Share of the people you examine who have the finding")


def _text(size: int, color: str | None = None) -> QLabel:
    made = theme.label(size=size, color=color)
    made.setWordWrap(True)
    return made


def _unbroken(text: str) -> str:
    """Keep a number and its per cent sign on one line."""
    return text.replace(" %", "\u00a0%")


def _range_text(low: float, high: float) -> str:
    """Two probabilities as a range, e.g. ``"below 0.1 % to 0.4 %"``; one where they read the same."""
    ends = dict.fromkeys((percent(low), percent(high)))
    text = " to ".join(ends)
    return _unbroken(text.replace("< ", "below ").replace("> ", "above "))


def _range_facts(
    uncertainty: Uncertainty, augmented: tuple[float, float] | None
) -> tuple[Fact, ...]:
    ranges = (
        ("95 % interval, random parts of the model left out", uncertainty.interval),
        ("Shifted and mirrored images", augmented),
    )
    return tuple((_unbroken(name), _range_text(*ends)) for name, ends in ranges if ends is not None)


def _distance_facts(uncertainty: Uncertainty) -> tuple[Fact, ...]:
    """By each measure, the share of the validation cases that lie nearer."""
    distances = (
        ("Outline and grey values", uncertainty.appearance_percent),
        ("Model's embedding", uncertainty.image_percent),
    )
    return tuple(
        (name, _unbroken(f"farther than {share:.0f} %"))
        for name, share in distances
        if share is not None
    )


def _rank_facts(uncertainty: Uncertainty, names: tuple[str, str]) -> tuple[Fact, ...]:
    shares = (uncertainty.lower_negative, uncertainty.lower_positive)
    return tuple(
        (f"“{name}” cases", _unbroken(f"higher than {100 * share:.0f} %"))
        for share, name in zip(shares, names, strict=True)
        if share is not None
    )


def _predictive_values_text(found: AtPrevalence) -> str:
    lines = [f"At this prevalence the probability is {percent(found.probability)}."]
    for name, value in (("positive", found.ppv), ("negative", found.npv)):
        if value is not None:
            share, low, high = (100 * part for part in value)
            lines.append(
                f"Of 100 “{name}” predictions {share:.0f} are right ({low:.0f} to {high:.0f})."
            )
    return "\n".join(lines)


def _neighbour_facts(uncertainty: Uncertainty, names: tuple[str, str]) -> tuple[Fact, ...]:
    return tuple(
        (f"{number}.  {names[case.label]}", _unbroken(percent(case.probability)))
        for number, case in enumerate(uncertainty.neighbours, start=1)
    )
