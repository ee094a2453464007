"""``Comparison``: what every model at hand says about the case on screen, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.prediction.side_by_side import MapCell

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session


@dataclass(frozen=True, eq=False)
class ModelAnswer:
    """One model's prediction, explained as ``explanation`` says; or why it has none."""

    bundle: BundleInfo
    explanation: Explanation
    prediction: Prediction | None
    problem: str = ""


class Comparison(QObject):
    """Asked for once; forgotten as soon as the case, a value, the models or the explanation change."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._answers: tuple[ModelAnswer, ...] = ()
        self._asked = object()
        for signal in (session.case_changed, session.bundles_changed, session.form.edited):
            signal.connect(self._forget)
        session.explanation_changed.connect(self._on_explanation_changed)

    @property
    def answers(self) -> tuple[ModelAnswer, ...]:
        """In the order of the models; empty until all have answered."""
        return self._answers

    def show_maps(self, shown: bool) -> None:
        """Show the models' maps beside each other, or the usual views again."""
        answers, beside = self._answers, self._session.beside
        if shown:
            beside.show(self, [_cell(each) for each in answers], lambda: self._answers is answers)
        else:
            beside.hide()

    def start(self) -> None:
        """Ask every model about the case, with the form's values as far as it takes them."""
        session = self._session
        case = session.case
        if case is None or not session.can_predict:
            return
        asked = self._asked = object()
        questions = [
            (info, self._values_for(info), self._explanation_for(info)) for info in session.bundles
        ]

        def work(progress: Progress) -> tuple[ModelAnswer, ...]:
            found = []
            for number, (info, values, explanation) in enumerate(questions):
                report = part_of(progress, number / len(questions), (number + 1) / len(questions))
                try:
                    prediction = session.engine.predict(
                        info.folder, case.volume, values, explanation, report
                    ).prediction
                    found.append(ModelAnswer(info, explanation, prediction))
                except UserError as error:
                    found.append(ModelAnswer(info, explanation, None, str(error)))
            return tuple(found)

        def on_answered(found: object) -> None:
            assert isinstance(found, tuple)
            if asked is self._asked and session.case is case:
                self._answers = found
                self.changed.emit()

        task = session.inference.submit("Asking every model", work)
        task.succeeded.connect(on_answered)
        task.failed.connect(session.tell_failure)

    def _explanation_for(self, info: BundleInfo) -> Explanation:
        """As the user wants it, or as suits the model best; what takes long, never."""
        wanted = self._session.explanation_for(info)
        return Explanation(*info.default_map, wanted.side) if wanted.is_slow else wanted

    def _values_for(self, info: BundleInfo) -> dict[str, Value]:
        session = self._session
        assert session.case is not None
        shown, known = session.form.values, set(session.form.schema.fields)
        prefilled = info.schema.prefill(session.case.volume.attributes)
        return {
            field.name: shown[field.name] if field in known else prefilled.get(field.name)
            for field in info.schema.fields
        }

    def _on_explanation_changed(self) -> None:
        # Turning to another model changes the explanation, though not how each model is explained.
        if any(each.explanation != self._explanation_for(each.bundle) for each in self._answers):
            self._forget()

    def _forget(self) -> None:
        self._asked = object()
        if self._answers:
            self._answers = ()
            self._session.beside.check()
            self.changed.emit()


def _cell(answer: ModelAnswer) -> MapCell:
    prediction, explanation = answer.prediction, answer.explanation
    if prediction is None:
        return MapCell(answer.bundle.name, "no answer", answer.problem, None)
    return MapCell(
        name=answer.bundle.name,
        said=f"{percent(prediction.probability)}  {prediction.class_name}",
        detail=f"{explanation.name}, what {explanation.side} the answer",
        heatmap=prediction.heatmap,
    )
