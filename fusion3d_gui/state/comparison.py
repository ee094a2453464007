"""``Comparison``: what every model at hand says about the case on screen."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.session import Session


@dataclass(frozen=True, eq=False)
class ModelAnswer:
    """One model's prediction, or why it has none."""

    bundle: BundleInfo
    prediction: Prediction | None
    problem: str = ""


class Comparison(QObject):
    """Asked for once; forgotten as soon as the case, a value or the choice of models changes."""

    changed = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._answers: tuple[ModelAnswer, ...] = ()
        self._asked = object()
        for signal in (session.case_changed, session.bundles_changed, session.form.edited):
            signal.connect(self._forget)

    @property
    def answers(self) -> tuple[ModelAnswer, ...]:
        """In the order of the models; empty until all have answered."""
        return self._answers

    def start(self) -> None:
        """Ask every model about the case, with the form's values as far as it takes them."""
        session = self._session
        case = session.case
        if case is None or not session.can_predict:
            return
        asked = self._asked = object()
        questions = [(info, self._values_for(info)) for info in session.bundles]

        def work(progress: Progress) -> tuple[ModelAnswer, ...]:
            found = []
            for number, (info, values) in enumerate(questions):
                report = part_of(progress, number / len(questions), (number + 1) / len(questions))
                try:
                    prediction = session.engine.predict_plainly(
                        info.folder, case.volume, values, report
                    )
                    found.append(ModelAnswer(info, prediction))
                except UserError as error:
                    found.append(ModelAnswer(info, None, str(error)))
            return tuple(found)

        def on_answered(found: object) -> None:
            assert isinstance(found, tuple)
            if asked is self._asked and session.case is case:
                self._answers = found
                self.changed.emit()

        task = session.inference.submit("Asking every model", work)
        task.succeeded.connect(on_answered)
        task.failed.connect(session.tell_failure)

    def _values_for(self, info: BundleInfo) -> dict[str, Value]:
        session = self._session
        assert session.case is not None
        shown, known = session.form.values, set(session.form.schema.fields)
        prefilled = info.schema.prefill(session.case.volume.attributes)
        return {
            field.name: shown[field.name] if field in known else prefilled.get(field.name)
            for field in info.schema.fields
        }

    def _forget(self) -> None:
        self._asked = object()
        if self._answers:
            self._answers = ()
            self.changed.emit()
