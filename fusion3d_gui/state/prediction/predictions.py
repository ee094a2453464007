"""``Predictions``: predicts the case on screen, and knows whether the shown prediction is current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.analysis.result_types import WhatIf
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit.fit_report import FitReport, MisfitError
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.data.shown_prediction import PredictionRequest, ShownPrediction
from fusion3d_gui.state.inference_engine import EnginePrediction
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.store import Store

if TYPE_CHECKING:
    from fusion3d_gui.inference.analysis.workbench import Workbench

#: What has taken a heatmap off the screen.
HeatmapLoss = Literal["form", "model"]


class Predictions(QObject):
    """Works on the inference lane.

    A prediction is current only while the case, the bundle and the form are those that it was made
    of; ``current`` is None otherwise. Where the model is not meant for the case, there is neither a
    prediction nor a what-if, unless :meth:`predict` was asked for one despite the misfit; that one ends with
    any change of the form, and has no further analyses.
    """

    #: A prediction has been made, and ``Store.prediction_changed`` has announced it.
    arrived = Signal()
    #: A number was asked for, and there is none (FitReport), since the model is not meant for the case.
    refused = Signal(object)

    def __init__(self, store: Store, form: Form, choice: ExplanationChoice) -> None:
        super().__init__(store)
        self._store = store
        self._form = form
        self._choice = choice
        # The last answer of :attr:`fit`, with what it is about.
        self._judged: tuple[ShownPrediction | None, PredictionRequest, FitReport] | None = None
        #: The case whose heatmap was the last on screen.
        self._mapped: Case | None = None
        #: The case whose prediction was dropped with its heatmap, and why.
        self._lost: tuple[Case, HeatmapLoss] | None = None
        form.edited.connect(self._on_form_edited)
        store.prediction_changed.connect(self._on_prediction_changed)
        store.bundle_chosen.connect(self._on_bundle_chosen)

    @property
    def is_outdated(self) -> bool:
        """Whether the form has changed since the shown prediction was requested."""
        shown = self._store.shown_prediction
        if shown is None:
            return False
        return self._form.is_refused or not shown.request.same(self._request_now())

    @property
    def current(self) -> Prediction | None:
        """The prediction of what the window shows now; None without one or once it is outdated."""
        shown = self._store.shown_prediction
        return None if shown is None or self.is_outdated else shown.prediction

    @property
    def calibrated_at(self) -> float | None:
        """Prevalence for which the shown prediction is calibrated; None where that is not known."""
        shown = self._store.shown_prediction
        return None if shown is None else shown.request.bundle.calibrated_at

    @property
    def heatmap(self) -> Heatmap | None:
        """The heatmap of :attr:`current`; None without one, and while the one asked for is being made."""
        shown = self._store.shown_prediction
        return None if shown is None or self.is_outdated else shown.heatmap

    @property
    def heatmap_loss(self) -> HeatmapLoss | None:
        """Why the heatmap of the case on screen has gone; None where there was none, and while another is on its way."""
        store, shown = self._store, self._store.shown_prediction
        if store.predicting or store.case is None:
            return None
        if shown is None:
            case, why = self._lost or (None, None)
            return why if case is store.case else None
        same_subject = shown.request.case is store.case and shown.request.bundle is store.bundle
        lost = self.is_outdated and same_subject and shown.heatmap is not None
        return "form" if lost else None

    @property
    def fit(self) -> FitReport | None:
        """Whether the chosen model is meant for the case on screen with the form's values.

        None without a case, completely read, or a bundle. As far as that shows before the model runs; all
        of it once there is a prediction of this case.
        """
        request, shown = self._request_now(), self._store.shown_prediction
        if request is None:
            return None
        judged = self._judged
        if judged is None or judged[0] is not shown or not judged[1].same(request):
            if shown is not None and shown.request.same(request) and shown.workbench is None:
                report = shown.prediction.fit
            elif shown is not None and shown.workbench and shown.request.same_subject(request):
                report = shown.workbench.fit(request.metadata)
            else:
                report = judge_case(request.bundle, request.case.volume, request.metadata)
            self._judged = judged = shown, request, report
        return judged[2]

    @property
    def is_restored(self) -> bool:
        """Whether the shown prediction was made in an earlier run, and has to be made again for analyses of it."""
        shown = self._store.shown_prediction
        return shown is not None and shown.workbench is None

    @property
    def refusal(self) -> FitReport | None:
        """Why there is no number; None where there may be one, or it was asked for despite the misfit."""
        report = None if self.current is not None else self.fit
        return report if report is not None and report.fit == "refused" else None

    @property
    def shown_fit(self) -> FitReport | None:
        """The report about what is on screen: a prediction, a what-if, or that there is none; else None."""
        if self.current is not None:
            return self.current.fit
        return self.refusal if self.what_if is None else self.what_if.fit

    @property
    def demonstration(self) -> str:
        """What must stand beside everything that the model says about this case; empty where nothing must."""
        report = self.fit
        return "" if report is None else report.demonstration or ""

    @property
    def workbench(self) -> Workbench | None:
        """Further analyses of the shown prediction, with any metadata; None without one, for a misfit, and for a
        prediction of an earlier run."""
        shown = self._store.shown_prediction
        if shown is None or shown.prediction.despite_misfit or self.refusal is not None:
            return None
        return shown.workbench

    @property
    def what_if(self) -> WhatIf | None:
        """The prediction for the form's values where they are not those of the shown prediction.

        None where a value is refused, or missing though the model needs it, and for a misfit.
        """
        workbench = None if self._form.problems or not self.is_outdated else self.workbench
        shown = self._store.shown_prediction
        if workbench is None or shown is None:
            return None
        if not shown.request.same_subject(self._request_now()):
            return None
        try:
            return workbench.what_if(self._form.values)
        except MisfitError:
            return None

    def predict(self) -> None:
        """Predict the case on screen by the chosen model with the values in the form."""
        self._predict(despite_misfit=False)

    def predict_despite_misfit(self) -> None:
        """The same, though the model is not meant for the case: the prediction is marked everywhere."""
        self._predict(despite_misfit=True)

    def _predict(self, *, despite_misfit: bool) -> None:
        store, request = self._store, self._request_now()
        if request is None:
            return
        self._lost = self._mapped = None
        if self._form.problem:
            store.tell_failure(UserError(f"Nothing can be predicted. {self._form.problem}"))
            return
        report = judge_case(request.bundle, request.case.volume, request.metadata)
        if report.fit == "refused" and not despite_misfit:
            store.drop_prediction()
            store.tell_failure(UserError(f"No number: {report.reasons[0]}"))
            self.refused.emit(report)
            return
        wanted = self._choice.wanted
        # The number shows first; a map that needs passes of its own follows.
        explanation = wanted if wanted.is_free else Explanation(side=wanted.side)

        def work(progress: Progress) -> EnginePrediction:
            return store.engine.predict(
                request.bundle.folder,
                request.case.volume,
                request.metadata,
                explanation,
                progress,
                despite_misfit=despite_misfit,
            )

        def on_undone() -> None:
            if store.request is request:
                store.end_prediction()

        store.run(
            store.inference,
            "Predicting",
            work,
            lambda made: self._on_predicted(request, made, explanation),
            undone=on_undone,
        )
        store.start_prediction(request)

    def reset_form(self) -> None:
        """Put the form's values back to those of the shown prediction."""
        shown = self._store.shown_prediction
        if shown is not None:
            self._form.put_back(shown.request.metadata)

    def _on_predicted(
        self, request: PredictionRequest, made: EnginePrediction, explanation: Explanation
    ) -> None:
        store = self._store
        store.set_loaded_model(made.loaded)
        shown = None
        if request.same_subject(self._request_now()):
            shown = ShownPrediction(
                request,
                made.prediction,
                made.workbench,
                explanation,
                awaits_heatmap=explanation != self._choice.wanted,
            )
        store.end_prediction(shown)
        self.arrived.emit()

    def _on_form_edited(self, name: str) -> None:
        shown = self._store.shown_prediction
        if shown is not None and shown.prediction.despite_misfit and self.is_outdated:
            case = self._store.case
            self._lost = None if case is None or shown.heatmap is None else (case, "form")
            self._store.drop_prediction()
        elif self._store.case is not None:
            self._store.prediction_changed.emit()

    def _on_prediction_changed(self) -> None:
        shown = self._store.shown_prediction
        if shown is not None:
            self._mapped = None if shown.heatmap is None else shown.request.case

    def _on_bundle_chosen(self) -> None:
        case = self._store.case
        if case is not None and self._mapped is case:
            self._lost = case, "model"

    def _request_now(self) -> PredictionRequest | None:
        """What a prediction would be made of now."""
        case, bundle = self._store.case, self._store.bundle
        if case is None or not case.is_complete or bundle is None:
            return None
        return PredictionRequest(case, bundle, self._form.values)
