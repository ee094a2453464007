"""``Readout``: what the model says: class and probability, a doubtful number, or that there is none."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.inference.analysis.result_types import WhatIf
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.controls.gauge import Gauge
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.side.refusal_view import RefusalView

OUTSIDE = "Outside this model's training data"
MISFIT = "Despite misfit: not a result"


class Readout(QWidget):
    """One of: a hint, why there is no number, or a prediction or what-if with its provenance.

    Where the case is doubtful, the reason comes first and largest, and the number is grey, without class,
    gauge and threshold. What a model trained on simulated cases must be accompanied by stays in every state.
    """

    def __init__(self) -> None:
        super().__init__()
        self._hint = theme.label(color=theme.MUTED)
        self._hint.setWordWrap(True)
        self.refusal = RefusalView()
        self._body = QWidget()
        self.outdated = theme.label(color=theme.WARNING)
        self.outdated.setFont(theme.font(theme.BODY, QFont.Weight.Medium))
        self.reset = QPushButton("Reset")
        self.reset.setProperty("quiet", True)
        self.reset.setToolTip("Put the form back to the values that were predicted")
        #: That the prediction was made in an earlier run, when, and what it lacks.
        self.restored = theme.label(size=12, color=theme.MUTED)
        self.restored.setWordWrap(True)
        #: That the number was asked for despite the misfit, and a button to take it away.
        self.misfit = theme.label(MISFIT, color=theme.ERROR)
        self.misfit.setFont(theme.font(theme.TITLE, QFont.Weight.DemiBold))
        self.withdraw = QPushButton("Hide")
        self.withdraw.setProperty("quiet", True)
        self.withdraw.setToolTip("Take the number and its heatmap off the screen")
        self.doubt = theme.label(color=theme.WARNING)
        self.doubt.setFont(theme.font(theme.TITLE, QFont.Weight.DemiBold))
        self.doubt.setWordWrap(True)
        self.more_doubts = theme.label(size=12, color=theme.WARNING)
        self.more_doubts.setWordWrap(True)
        self.number = theme.label()
        self.class_name = theme.label(size=theme.LARGE, medium=True)
        self.class_name.setWordWrap(True)
        self.meaning = theme.label(size=12, color=theme.MUTED)
        self.meaning.setWordWrap(True)
        #: The probability at the prevalence among the user's patients; hidden without one.
        self.my_prevalence = theme.label(size=12)
        self.my_prevalence.setWordWrap(True)
        self.my_prevalence.setToolTip(
            plain_tip(
                "The stated probability, shifted by Bayes' theorem from the prevalence for which the model "
                "is calibrated to mine. It holds where patients differ from the model's cases in "
                "prevalence only."
            )
        )
        self.gauge = Gauge()
        self.demonstration = theme.label(size=12, color=theme.WARNING, medium=True)
        self.demonstration.setWordWrap(True)
        self.outside = theme.label(OUTSIDE, color=theme.WARNING, medium=True)
        self.warnings = theme.label(size=12, color=theme.WARNING)
        self.warnings.setWordWrap(True)
        self.provenance = theme.label(size=theme.SMALL, color=theme.FAINT)
        self.provenance.setWordWrap(True)
        self.provenance.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._build()

    def _build(self) -> None:
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addStretch(1)
        names.addWidget(self.class_name)
        names.addWidget(self.meaning)
        names.addStretch(1)
        head = QHBoxLayout()
        head.setSpacing(4 * theme.GRID)
        head.addWidget(self.number)
        head.addLayout(names, 1)
        body = QVBoxLayout(self._body)
        body.setContentsMargins(0, 0, 0, 0)
        body.setSpacing(2 * theme.GRID)
        for text, button in ((self.outdated, self.reset), (self.misfit, self.withdraw)):
            row = QHBoxLayout()
            row.addWidget(text, 1)
            row.addWidget(button)
            body.addLayout(row)
        body.addWidget(self.doubt)
        body.addWidget(self.more_doubts)
        body.addLayout(head)
        body.addWidget(self.my_prevalence)
        body.addWidget(self.gauge)
        body.addWidget(self.restored)
        body.addWidget(self.outside)
        body.addWidget(self.warnings)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        for widget in (
            self._hint,
            self.refusal,
            self._body,
            self.demonstration,
            self.provenance,
        ):
            layout.addWidget(widget)

    def show_demonstration(self, text: str) -> None:
        """Show what must stand beside all that this model says about the case; empty: nothing must."""
        self.demonstration.setText(text)
        self.demonstration.setVisible(bool(text))

    def show_nothing(self, why: str) -> None:
        """Show that there is no prediction, and why or what to do (``why``)."""
        self._hint.setText(why)
        self._show_only(self._hint)

    def show_refusal(self, report: FitReport) -> None:
        """Show why the model gives no number for this case."""
        self.refusal.show_report(report)
        self._show_only(self.refusal)

    def show_my_prevalence(self, text: str) -> None:
        """Show what the probability is at the user's prevalence; empty: nothing."""
        self.my_prevalence.setText(text)
        self.my_prevalence.setVisible(bool(text))

    def show_prediction(
        self,
        prediction: Prediction,
        *,
        outdated: bool,
        what_if: WhatIf | None,
        calibrated_at: float | None = None,
        restored: bool = False,
    ) -> None:
        """Show a prediction: grayed where it is outdated, or replaced by ``what_if`` and marked so.

        ``calibrated_at`` is the prevalence for which the probability is calibrated; None: not known. ``restored``: it
        was made in an earlier run.
        """
        self._show_only(self._body)
        made = prediction.created.astimezone()
        self.restored.setText(
            f"Restored: made on {made.day} {made:%b %Y}. Predict again for What if, Why and How sure."
        )
        self.restored.setVisible(restored)
        for widget in (self.outdated, self.reset):
            widget.setVisible(outdated)
        self.outdated.setText(
            "Outdated: the form has changed since." if what_if is None else "What if, not predicted"
        )
        fit = prediction.fit if what_if is None else what_if.fit
        self._show_fit(fit, prediction, calibrated_at, live=not outdated or what_if is not None)
        chance = prediction.probability
        self.number.setText(percent(chance))
        self.number.setToolTip(plain_tip(f"{chance:.6f} (logit {prediction.logit:.4f})"))
        self.class_name.setText(prediction.class_name or "")
        self.gauge.show_value(chance, prediction.threshold, live=not outdated)
        notices = prediction.notices
        if what_if is not None:
            self._show_what_if(what_if)
            notices = what_if.notices
        notices = tuple(each for each in notices if each not in fit.reasons)
        self.warnings.setText("\n".join(notices))
        self.warnings.setVisible(bool(notices))
        self._show_provenance(prediction, "" if what_if is None else "What if, not predicted  ·  ")

    def _show_fit(
        self,
        fit: FitReport,
        prediction: Prediction,
        calibrated_at: float | None,
        *,
        live: bool,
    ) -> None:
        """Show reasons for doubt above the number, and the number as large and bright as it deserves."""
        fits = fit.fit == "fits"
        for widget in (self.misfit, self.withdraw):
            widget.setVisible(fit.fit == "refused")
        first, *more = fit.reasons or ("",)
        self.doubt.setText(first)
        self.doubt.setVisible(bool(first))
        self.more_doubts.setText("\n".join(more))
        self.more_doubts.setVisible(bool(more))
        self.class_name.setVisible(fits)
        self.gauge.setVisible(fits)
        size, weight = (
            (theme.HUGE, QFont.Weight.Medium) if fits else (theme.LARGE, QFont.Weight.Normal)
        )
        theme.set_font(self.number, size, weight)
        for label in (self.number, self.class_name, self.my_prevalence):
            theme.set_color(label, theme.TEXT if fits and live else theme.FAINT)
        name = prediction.class_names[1]
        of = f"probability of {name}"
        if not fits:
            self.meaning.setText(f"{of}, {_WORTH[fit.fit]}")
        elif calibrated_at is None:
            self.meaning.setText(f"calibrated {of}")
        else:
            self.meaning.setText(f"{of}, calibrated at {percent(calibrated_at)} {name}")

    def _show_what_if(self, what_if: WhatIf) -> None:
        """Show the what-if probability in place of the prediction, which the gauge keeps marked."""
        prediction, chance = what_if.prediction, what_if.probability
        self.number.setText(percent(chance))
        self.number.setToolTip(
            plain_tip(f"{chance:.6f} (logit {what_if.logit:.4f}), not predicted")
        )
        self.class_name.setText(what_if.class_name or "")
        doubtful = "" if what_if.fit.fit == "fits" else ", doubtful"
        self.meaning.setText(
            f"for the form as it is now{doubtful}; predicted was {percent(prediction.probability)}"
        )
        self.gauge.show_value(chance, prediction.threshold, live=True, ghost=prediction.probability)

    def _show_provenance(self, prediction: Prediction, prefix: str) -> None:
        when = prediction.created.astimezone()
        self.provenance.setText(
            f"{prefix}{prediction.bundle_name} {prediction.bundle_version}  ·  {prediction.device}  ·  "
            f"{_duration(prediction.seconds)}  ·  {when:%H:%M}  ·  scan {prediction.volume_sha256[:8]}"
        )
        self.provenance.setToolTip(
            plain_tip(
                f"Weights SHA-256 {prediction.weights_sha256}\n"
                f"Voxels SHA-256 {prediction.volume_sha256}\n{when:%Y-%m-%d %H:%M:%S %Z}"
            )
        )

    def _show_only(self, shown: QWidget) -> None:
        for widget in (self._hint, self.refusal, self._body):
            widget.setVisible(widget is shown)
        self.provenance.setVisible(shown is self._body)
        if shown is not self._body:
            # Nor may a screen reader or a tooltip still find the number.
            self.number.clear()
            self.number.setToolTip("")
            self.class_name.clear()
            self.meaning.clear()
            self.show_my_prevalence("")
            self.gauge.setAccessibleName("")


#: What a number is called that is no calibrated probability for this case.
_WORTH = {"doubtful": "doubtful for this scan", "refused": "meaningless for this scan"}


def _duration(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 0.1 else f"{seconds:.1f} s"
