"""``UncertaintyPage``: how far to trust this answer, in plain words and one picture."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.inference.analysis.result_types import AtPrevalence, Uncertainty
from fusion3d_gui.state.prediction.augmentation import LABEL
from fusion3d_gui.state.prediction.percent import percent, whole_percent
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.side.prediction_panel import OUTSIDE
from fusion3d_gui.widgets.side.score_strip import ScoreStrip

_SEE = "Move and mirror the image too"
_SEE_TIP = (
    "Seven more passes through the network: the image moved by two of its voxels forth and back along "
    "each axis, and mirrored left to right. An answer that changes much hangs on little."
)


class UncertaintyPage(QWidget):
    """Shown for the form's values; the prevalence stays as the user set it.

    In what a case is outside of what the model has seen is said beside the answer itself.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.verdict = _text(theme.BODY)
        self.image = _text(12, theme.MUTED)
        self.image.setToolTip(
            "Distances (Mahalanobis') from the training cases: of coarse outline and grey values, and of "
            "the model's own embedding of the image. The card says what they catch, and how often wrongly."
        )
        self.interval = _text(12, theme.MUTED)
        self.otherwise = _text(12, theme.MUTED)
        self.see = QPushButton(_SEE)
        self.see.setProperty("quiet", True)
        self.see.setToolTip(_SEE_TIP)
        self.place = _text(12, theme.MUTED)
        self.strip = ScoreStrip()
        self.prevalence = _PrevalenceBox()
        self.meaning = _text(12, theme.MUTED)
        self.neighbours = _text(12, theme.MUTED)
        self._prevalence_row = QWidget()
        row = QHBoxLayout(self._prevalence_row)
        row.setContentsMargins(0, 0, 0, 0)
        name = theme.label("If this share of people has it", color=theme.MUTED, size=12)
        name.setBuddy(self.prevalence)
        row.addWidget(name, 1)
        row.addWidget(self.prevalence)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        for widget in (
            self.verdict,
            self.image,
            self.interval,
            self.otherwise,
            self.see,
            self.place,
            self.strip,
            self._prevalence_row,
            self.meaning,
            self.neighbours,
        ):
            layout.addWidget(widget)
        layout.setAlignment(self.see, Qt.AlignmentFlag.AlignLeft)
        self.see.clicked.connect(self._on_see)
        session.inference.changed.connect(self._show_see)
        self.prevalence.valueChanged.connect(self._show_meaning)

    def refresh(self) -> None:
        """Ask the workbench about the form's values, and show what it says."""
        workbench = self._session.workbench
        if workbench is None:
            return
        values = self._session.form.values
        doubt = workbench.uncertainty(values)
        self._show_verdict(doubt, workbench.has_reference)
        self.interval.setVisible(doubt.interval is not None)
        if doubt.interval is not None:
            low, high = (percent(end) for end in doubt.interval)
            self.interval.setText(
                _unbroken(f"With parts of the model left out at random it says {low} to {high}.")
            )
        otherwise = workbench.augmentation_range(values)
        self.otherwise.setVisible(otherwise is not None)
        if otherwise is not None:
            low, high = (percent(end) for end in otherwise)
            self.otherwise.setText(
                _unbroken(f"With the image moved or mirrored it says {low} to {high}.")
            )
        self._show_see()
        names = workbench.prediction.class_names
        self.place.setText(_unbroken(_place_text(doubt, names)))
        self.place.setVisible(bool(self.place.text()))
        scores = workbench.validation_scores()
        for widget in (self.strip, self._prevalence_row, self.meaning):
            widget.setVisible(scores is not None)
        if scores is not None:
            self.strip.show_scores(names, scores, workbench.case.probability(values))
        self.neighbours.setVisible(bool(doubt.neighbours))
        self.neighbours.setText(_neighbours_text(doubt, names))
        self._show_meaning()

    def _on_see(self) -> None:
        if self._session.inference.label == LABEL:
            self._session.cancel_inference()
        else:
            self._session.augmentation.start()

    def _show_see(self) -> None:
        session, workbench = self._session, self._session.workbench
        working = session.inference.label == LABEL
        self.see.setVisible(
            working or (workbench is not None and workbench.augmented_features is None)
        )
        self.see.setText(
            f"Cancel ({whole_percent(session.inference.fraction)})" if working else _SEE
        )
        self.see.setEnabled(working or session.augmentation.can_start)

    def _show_verdict(self, doubt: Uncertainty, has_reference: bool) -> None:
        if doubt.outside:
            self.verdict.setText(OUTSIDE)
            color = theme.WARNING
        elif not has_reference:
            self.verdict.setText("The model carries no cases to compare with")
            color = theme.MUTED
        elif doubt.unusual:
            self.verdict.setText("Unusual, though not outside what it has seen")
            color = theme.WARNING
        else:
            self.verdict.setText("Like the cases this model has seen")
            color = theme.TEXT
        theme.set_color(self.verdict, color)
        self.image.setText(_unbroken(_image_text(doubt)))
        self.image.setVisible(bool(self.image.text()))

    def _show_meaning(self) -> None:
        workbench = self._session.workbench
        if workbench is None:
            return
        chance = workbench.case.probability(self._session.form.values)
        found = workbench.at_prevalence(chance, self.prevalence.value() / 100)
        if found is not None:
            self.meaning.setText(_unbroken(_meaning_text(found)))


class _PrevalenceBox(QDoubleSpinBox):
    def __init__(self) -> None:
        super().__init__()
        self.setRange(0.1, 99.9)
        self.setDecimals(1)
        self.setValue(10)
        self.setSuffix(" %")
        self.setFixedWidth(92)
        self.lineEdit().setTextMargins(7, 0, 0, 0)
        self.setFixedHeight(theme.CONTROL)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setAccessibleName("Prevalence")
        self.setToolTip("Share of the people you examine who have the finding")


def _text(size: int, color: str | None = None) -> QLabel:
    made = theme.label(size=size, color=color)
    made.setWordWrap(True)
    return made


def _unbroken(text: str) -> str:
    """No line ends between a number and its per cent sign."""
    return text.replace(" %", "\u00a0%")


def _image_text(doubt: Uncertainty) -> str:
    told = (
        ("by outline and grey values", doubt.appearance_percent),
        ("by what the model makes of it", doubt.image_percent),
    )
    parts = [(f"{share:.0f} %", by) for by, share in told if share is not None]
    if not parts:
        return ""
    (share, by), *others = parts
    more = "".join(f", than {other} {why}" for other, why in others)
    return f"The image is further out than {share} of the validation cases {by}{more}."


def _place_text(doubt: Uncertainty, names: tuple[str, str]) -> str:
    parts = [
        f"{100 * share:.0f} % of “{name}”"
        for share, name in zip((doubt.lower_negative, doubt.lower_positive), names, strict=True)
        if share is not None
    ]
    return (
        f"It scores higher than {' and '.join(parts)} among the validation cases." if parts else ""
    )


def _meaning_text(found: AtPrevalence) -> str:
    lines = [f"This case then has a probability of {percent(found.probability)}."]
    for name, value in (("positive", found.ppv), ("negative", found.npv)):
        if value is not None:
            share, low, high = (100 * part for part in value)
            lines.append(
                f"Of 100 answers “{name}”, {share:.0f} are right ({low:.0f} to {high:.0f})."
            )
    return "\n".join(lines)


def _neighbours_text(doubt: Uncertainty, names: tuple[str, str]) -> str:
    lines = [
        f"{number}.  {names[case.label]}, scored {percent(case.probability)}"
        for number, case in enumerate(doubt.neighbours, start=1)
    ]
    return "\n".join(["Most alike among the training cases, with their outcome:", *lines])
