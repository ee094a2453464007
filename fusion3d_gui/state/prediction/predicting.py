"""``Predicting``: asks the chosen model about the case on screen, and knows whether its answer is still current."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.analysis.result_types import WhatIf
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.case.case import Case
from fusion3d_gui.state.prediction.engine import EnginePrediction
from fusion3d_gui.state.prediction.result import Request, Result

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session


class Predicting(QObject):
    """Works on the session's inference lane; case, bundle and form are the session's.

    A result is current only while they are those it was computed from: ``current`` is None otherwise.
    """

    #: The result, whether it is current, or whether one is under way has changed.
    changed = Signal()
    #: The model that answers is in memory: LoadedModel.
    loaded = Signal(object)
    #: An answer has come, and ``changed`` has told of it.
    answered = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._asked: Request | None = None
        self._result: Result | None = None

    @property
    def under_way(self) -> bool:
        """Whether a prediction is asked for and not there yet."""
        return self._asked is not None

    @property
    def can_start(self) -> bool:
        """Whether there is a case, all of it, and a model."""
        return self._request() is not None

    @property
    def result(self) -> Result | None:
        """The last answer about this case and bundle, current or outdated."""
        return self._result

    @property
    def is_outdated(self) -> bool:
        """Whether the form has changed since the result was asked for."""
        return self._result is not None and not self._result.request.same(self._request())

    @property
    def current(self) -> Prediction | None:
        """The answer to what the window now shows; None without one or once it is outdated."""
        if self._result is None or self.is_outdated:
            return None
        return self._result.prediction

    @property
    def what_if(self) -> WhatIf | None:
        """The answer to the form's values where they are not those of the prediction."""
        result = self._result
        if (
            result is None
            or not self.is_outdated
            or not result.request.same_subject(self._request())
        ):
            return None
        try:
            return result.workbench.what_if(self._session.form.values)
        except UserError:
            return None  # a value that the model needs is missing

    def predict(self) -> None:
        """Ask the chosen model about the case on screen with the values in the form."""
        session, request = self._session, self._request()
        if request is None:
            return
        try:
            request.bundle.schema.parse(request.metadata)
        except UserError as error:
            session.tell_failure(error)
            return
        explanation = session.explanation

        def work(progress: Progress) -> EnginePrediction:
            return session.engine.predict(
                request.bundle.folder,
                request.case.volume,
                request.metadata,
                explanation,
                progress,
            )

        def on_predicted(outcome: object) -> None:
            assert isinstance(outcome, EnginePrediction)
            self._asked = None
            self.loaded.emit(outcome.loaded)
            if request.same_subject(self._request()):
                self._result = Result(
                    request, outcome.prediction, outcome.workbench, outcome.explanation
                )
            self.changed.emit()
            self.answered.emit()

        def on_over(error: object = None) -> None:
            if self._asked is request:
                self._asked = None
                self.changed.emit()
            if isinstance(error, Exception):
                session.tell_failure(error)

        task = session.inference.submit("Predicting", work)
        self._asked = request
        task.succeeded.connect(on_predicted)
        task.failed.connect(on_over)
        task.cancelled.connect(on_over)
        self.changed.emit()

    def give_up(self) -> None:
        """Cancel a prediction that is under way."""
        if self.under_way:
            self._session.inference.cancel()

    def set_result(self, result: Result | None) -> None:
        """Another case or bundle is chosen, with what is known of it; the session tells of both."""
        self._result = result

    def follow(self, before: Case, case: Case) -> None:
        """The same case is shown with or without who it is: its result stays."""
        if self._result is not None and self._result.request.case is before:
            request = replace(self._result.request, case=case)
            self._result = replace(self._result, request=request)

    def set_heatmap(self, heatmap: Heatmap, explanation: Explanation | None) -> None:
        """Another map of the present result, made as ``explanation`` says; None: a coarse one of it."""
        assert self._result is not None
        prediction = replace(self._result.prediction, heatmap=heatmap)
        self._result = replace(self._result, prediction=prediction, explanation=explanation)
        self.changed.emit()

    def _request(self) -> Request | None:
        """What a prediction would be asked of now."""
        case, bundle = self._session.case, self._session.bundle
        if case is None or not case.is_complete or bundle is None:
            return None
        return Request(case, bundle, self._session.form.values)
