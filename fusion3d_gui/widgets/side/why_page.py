"""``WhyPage``: what image and clinical values contribute to the logit, against which reference case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from fusion3d_gui.inference.analysis.result_types import Contributions, ZeroShare
from fusion3d_gui.model.schema import MetadataSchema, Value
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.widgets.charts.share_chart import Share, ShareChart
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.side.chart_source import chart_source
from fusion3d_gui.widgets.side.reference_table import ComparedRow, ReferenceTable


class WhyPage(QWidget):
    """A sentence, a bar a share, the reference case beside this one, and why a share may be zero."""

    def __init__(self, form: Form, predictions: Predictions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._form = form
        self._predictions = predictions
        self.text = _text()
        self.shares = ShareChart()
        self.reference = ReferenceTable()
        self.zero = _text()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        for widget in (self.text, self.shares, self.reference, self.zero):
            layout.addWidget(widget)

    def refresh(self) -> None:
        """Compute everything again for the form's values and show it."""
        workbench = self._predictions.workbench
        if workbench is None:
            return
        values, schema = self._form.values, self._form.schema
        found = workbench.contributions(values)
        self.reference.setVisible(found is not None)
        if found is None:
            self.text.setText("Not known: this model has no reference case to compare with.")
            self.shares.show_shares(())
            self.zero.hide()
            return
        self.text.setText(
            f"{_summary(found)} Contributions to the logit, against the reference case:"
        )
        self.shares.set_source(*chart_source(self._predictions, self._form))
        self.shares.show_shares(_shares(found, schema))
        self.shares.setToolTip(
            plain_tip(
                "Shapley values in units of the logit. From the reference case "
                f"(logit {found.reference_logit:.2f}) they add up to this case (logit {found.logit:.2f})."
                + ("" if found.exact else " Sampled, as there are many fields.")
            )
        )
        chance = workbench.case.info.decision.probability(found.logit)
        self.reference.show_rows(_compared(found, schema, values, chance))
        self.zero.setText("\n".join(_zero_texts(workbench.zero_shares(values, found))))
        self.zero.setVisible(bool(self.zero.text()))


def _text() -> QLabel:
    made = theme.label(size=12, color=theme.MUTED)
    made.setWordWrap(True)
    return made


def _shares(found: Contributions, schema: MetadataSchema) -> list[Share]:
    shares = [Share("Image", found.image)]
    if found.fields:
        shares.append(Share("Clinical data", found.metadata))
        fields = sorted(found.fields.items(), key=lambda item: -abs(item[1]))
        shares += [Share(schema[name].label, amount, part=True) for name, amount in fields]
    return shares


def _compared(
    found: Contributions, schema: MetadataSchema, values: dict[str, Value], chance: float
) -> list[ComparedRow]:
    rows = [ComparedRow("Image", "this scan", "mean of training")]
    rows += [
        ComparedRow(
            field.label,
            field.text(values[field.name]),
            field.text(found.reference_values.get(field.name)),
        )
        for field in schema.fields
    ]
    return [
        *rows,
        ComparedRow("Probability", percent(chance), percent(found.reference_probability)),
    ]


_ZERO = {
    "same": "this case has the reference case's value",
    "flat": "with this image the two values give nearly the same logit",
    "interaction": (
        "with this image and with the reference image its effects go opposite ways and cancel "
        "(an interaction)"
    ),
}


def _zero_texts(zero: Iterable[ZeroShare]) -> list[str]:
    """One sentence a reason, with the fields that it applies to."""
    by_reason: dict[str, list[ZeroShare]] = {}
    for each in zero:
        by_reason.setdefault(each.reason, []).append(each)
    texts = []
    for reason, fields in by_reason.items():
        names = _listed([each.field.label for each in fields])
        verb = "has" if len(fields) == 1 else "have"
        spans = ", ".join(
            f"{each.field.label} {percent(each.low)} to {percent(each.high)}" for each in fields
        )
        amount = "no share" if reason == "same" else "hardly any share"
        texts.append(
            f"{names} {verb} {amount}: {_ZERO[reason]}. "
            f"Other values would move the probability ({spans}): see What if."
        )
    return texts


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _summary(found: Contributions) -> str:
    """One sentence: whether image or clinical data moved the logit from the reference case, and how."""
    image, data = found.image, found.metadata
    total = abs(image) + abs(data)
    direction = {True: "raised", False: "lowered"}
    if total < 0.05:
        return "The probability is about that of the reference case."
    if not found.fields:
        return f"The image {direction[image > 0]} the probability."
    if abs(image) >= 0.8 * total:
        return f"Mainly the image {direction[image > 0]} the probability."
    if abs(data) >= 0.8 * total:
        return f"Mainly the clinical data {direction[data > 0]} the probability."
    if (image > 0) == (data > 0):
        return f"Image and clinical data both {direction[image > 0]} the probability."
    return (
        f"The image {direction[image > 0]} the probability, the clinical data "
        f"{direction[data > 0]} it."
    )
