"""``ModelComparison``: the predictions of all models for the case on screen, with their heatmaps."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit.fit_report import FitReport, MisfitError
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.prediction.side_by_side import MapCell, SideBySideMaps
from fusion3d_gui.state.store import Store

LABEL = "Comparing models"


@dataclass(frozen=True, eq=False)
class ModelPrediction:
    """One model's prediction, explained as ``explanation`` says; or why it has none."""

    bundle: BundleInfo
    explanation: Explanation
    prediction: Prediction | None
    problem: str = ""
    refusal: FitReport | None = None

    @property
    def summary(self) -> str:
        """Probability and class in a few words, or why there is none."""
        if self.refusal is not None:
            return "not for this scan"
        if self.prediction is None:
            return "no prediction"
        chance = percent(self.prediction.probability)
        if self.prediction.fit.fit == "doubtful":
            return f"{chance}  doubtful"
        return f"{chance}  {self.prediction.class_text}"

    @property
    def detail(self) -> str:
        """Why there is no prediction, or what is odd about it; empty where it fits."""
        if self.prediction is None:
            return self.problem
        return " ".join(self.prediction.fit.reasons)


class ModelComparison(QObject):
    """Made on request; dropped when the case, a value, the bundles or the explanation change."""

    changed = Signal()

    def __init__(
        self,
        store: Store,
        form: Form,
        models: Models,
        choice: ExplanationChoice,
        side_by_side: SideBySideMaps,
    ) -> None:
        super().__init__(store)
        self._store = store
        self._form = form
        self._models = models
        self._choice = choice
        self._side_by_side = side_by_side
        self._predictions: tuple[ModelPrediction, ...] = ()
        self._request = object()
        self._of: object = None
        store.case_changed.connect(self._on_case_changed)
        for signal in (models.changed, form.edited):
            signal.connect(self._drop)
        choice.changed.connect(self._on_explanation_changed)

    @property
    def predictions(self) -> tuple[ModelPrediction, ...]:
        """In the order of the bundles; empty until all models have predicted."""
        return self._predictions

    @property
    def shows_maps(self) -> bool:
        """Whether the models' maps are shown side by side."""
        return self._side_by_side.shows(self)

    @property
    def beside(self) -> tuple[ModelPrediction, ...]:
        """The predictions of the models other than the chosen one whose maps are shown beside its own."""
        bundle = self._store.bundle
        if bundle is None or not self.shows_maps:
            return ()
        return tuple(each for each in self._predictions if each.bundle.folder != bundle.folder)

    def show_maps(self, shown: bool) -> None:
        """Show the models' maps side by side, or the usual views again."""
        predictions = self._predictions
        if shown:
            cells = [_cell(each) for each in predictions]
            self._side_by_side.show(self, cells, lambda: self._predictions is predictions)
        else:
            self._side_by_side.hide()

    def start(self) -> None:
        """Predict the case by every model, with the form's values as far as each takes them."""
        store, case = self._store, self._store.case
        if case is None or not store.can_predict:
            return
        if self._form.is_refused:
            store.tell_failure(UserError(f"Nothing can be compared. {self._form.problem}"))
            return
        request = self._request = object()
        questions = [
            (info, self._values_for(info, case), self._explanation_for(info))
            for info in self._models.bundles
        ]

        def work(progress: Progress) -> tuple[ModelPrediction, ...]:
            found = []
            for number, (info, values, explanation) in enumerate(questions):
                report = part_of(progress, number / len(questions), (number + 1) / len(questions))
                try:
                    made = store.engine.predict(
                        info.folder, case.volume, values, explanation, report
                    )
                    found.append(ModelPrediction(info, explanation, made.prediction))
                except MisfitError as error:
                    why = " ".join(error.report.reasons)
                    found.append(ModelPrediction(info, explanation, None, why, error.report))
                except UserError as error:
                    found.append(ModelPrediction(info, explanation, None, str(error)))
            return tuple(found)

        def on_predicted(found: tuple[ModelPrediction, ...]) -> None:
            if request is self._request and store.case is case:
                self._predictions = found
                self.changed.emit()

        store.run(store.inference, LABEL, work, on_predicted)

    def _explanation_for(self, info: BundleInfo) -> Explanation:
        """As the user chose, or the model's default where that would be slow."""
        wanted = self._choice.wanted_for(info)
        return Explanation(*info.default_map, wanted.side) if wanted.is_slow else wanted

    def _values_for(self, info: BundleInfo, case: Case) -> dict[str, Value]:
        shown, known = self._form.values, set(self._form.schema.fields)
        prefilled = info.schema.prefill(case.volume.attributes)
        return {
            field.name: shown[field.name] if field in known else prefilled.get(field.name)
            for field in info.schema.fields
        }

    def _on_explanation_changed(self) -> None:
        # Choosing another model changes the explanation, though not how each model is explained.
        outdated = (
            each.explanation != self._explanation_for(each.bundle) for each in self._predictions
        )
        if any(outdated):
            self._drop()

    def _on_case_changed(self) -> None:
        # With the identity hidden or shown, as for a presentation, it is the same scan.
        case = self._store.case
        of = None if case is None else (case.key, case.is_stated_ct)
        if of != self._of:
            self._of = of
            self._drop()

    def _drop(self) -> None:
        self._request = object()
        if self._predictions:
            self._predictions = ()
            self._side_by_side.refresh()
            self.changed.emit()


def _cell(made: ModelPrediction) -> MapCell:
    prediction, explanation = made.prediction, made.explanation
    if prediction is None:
        return MapCell(made.bundle.name, made.summary, made.detail, None)
    shows = f"{explanation.name}, regions that {explanation.side} the probability"
    return MapCell(
        name=made.bundle.name,
        summary=made.summary,
        detail=f"{shows}. {made.detail}" if made.detail else shows,
        heatmap=prediction.heatmap,
        doubtful=prediction.fit.fit != "fits",
    )
