"""``ResultCollector``: the prediction on screen with all that the window knows of its case, as a ``CaseResult``."""

from __future__ import annotations

from collections.abc import Callable

from fusion3d_gui.progress import Progress
from fusion3d_gui.report.case_result import Appearance, CaseResult, OtherPrediction, ValueSource
from fusion3d_gui.report.collect import collect_result
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.case.notes import Notes
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.prediction.explainer import Explainer
from fusion3d_gui.state.prediction.model_comparison import ModelComparison
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store


class ResultCollector:
    """Gathers references on the GUI thread; a worker makes the result of them."""

    def __init__(
        self,
        store: Store,
        form: Form,
        display: Display,
        annotations: Annotations,
        predictions: Predictions,
        explainer: Explainer,
        comparison: ModelComparison,
        notes: Notes,
    ) -> None:
        self._store = store
        self._form = form
        self._display = display
        self._annotations = annotations
        self._predictions = predictions
        self._explainer = explainer
        self._comparison = comparison
        self._notes = notes

    @property
    def can_collect(self) -> bool:
        """Whether a current prediction is on screen."""
        return self._predictions.current is not None and self._store.case is not None

    def work(self) -> Callable[[Progress], CaseResult] | None:
        """Work for a worker thread that collects the result as it is on screen now; None without one.

        Without the patient's identity while that is hidden.
        """
        store, shown, case = self._store, self._store.shown_prediction, self._store.case
        prediction = self._predictions.current
        if shown is None or prediction is None or case is None:
            return None
        # The words that name the patient are known only where they are not hidden.
        known = case.revealed or case
        series = next((each for each in known.series if each.uid == known.volume.series_uid), None)
        sources: dict[str, ValueSource] = {}
        for field in self._form.schema.fields:
            source = self._form.source(field.name)
            if source:
                sources[field.name] = source
        level, overlay = self._display.window_level, self._display.overlay
        appearance = Appearance(
            level.window, level.inverted, overlay.color_map, overlay.opacity, overlay.threshold
        )
        others = tuple(
            OtherPrediction(each.bundle, each.prediction, each.problem)
            for each in self._comparison.predictions
            if each.bundle is not shown.request.bundle
        )
        marks = tuple(self._annotations.measurements)
        checks = self._explainer.checks_of(prediction.heatmap)
        notes = self._notes.now
        is_hidden = case.identity_hidden or store.identity.hidden

        def work(progress: Progress) -> CaseResult:
            result = collect_result(
                prediction,
                shown.request.bundle,
                known.volume,
                opened=known.paths,
                series=series,
                sources=sources,
                explanation=shown.explanation,
                workbench=shown.workbench,
                appearance=appearance,
                checks=checks,
                marks=marks,
                others=others,
                notes=notes,
                progress=progress,
            )
            return result.without_identity() if is_hidden else result

        return work
