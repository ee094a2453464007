"""``PriorPrediction``: what the model says of the second scan, and how that differs from the scan on screen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.inference.analysis.result_types import Change
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.data.shown_prediction import ShownPrediction
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store

LABEL = "Predicting the second scan"


@dataclass(frozen=True, eq=False)
class PriorResult:
    """The prediction of the second scan, and its difference to that of the first.

    ``of`` is the first scan's prediction that it is compared with, ``voxels`` those of the second scan; ``assumed`` the
    labels of the fields whose values were taken from the form, as the second scan's header has none. The map is made
    as ``explanation`` says.
    """

    prediction: Prediction
    change: Change
    of: ShownPrediction
    voxels: np.ndarray
    assumed: tuple[str, ...]
    explanation: Explanation


#: Logits of one prediction, made twice, differ by less.
_SAME_LOGIT = 1e-4


class PriorPrediction(QObject):
    """Made on request, by the chosen model; dropped once either scan, the model or the first prediction changes."""

    changed = Signal()

    def __init__(
        self, store: Store, second: SecondScan, form: Form, predictions: Predictions
    ) -> None:
        super().__init__(store)
        self._store = store
        self._second = second
        self._form = form
        self._predictions = predictions
        self._result: PriorResult | None = None
        store.prediction_changed.connect(self._check)
        second.changed.connect(self._check)

    @property
    def result(self) -> PriorResult | None:
        """What was found; None before, and once it no longer holds."""
        return self._result

    @property
    def is_working(self) -> bool:
        """Whether the second scan is being predicted."""
        return self._store.inference.label == LABEL

    @property
    def can_predict(self) -> bool:
        """Whether there are a second scan and a prediction of the first that can be compared with."""
        shown = self._store.shown_prediction
        return (
            self._second.case is not None
            and self._predictions.current is not None
            and self._predictions.workbench is not None
            and shown is not None
            and not self._store.predicting
        )

    @property
    def shown_heatmap(self) -> Heatmap | None:
        """The map of the second scan's prediction, where that scan is shown."""
        result, registration = self._result, self._second.registration
        if result is None:
            return None
        heatmap = result.prediction.heatmap
        if registration is None:
            return heatmap
        back = np.linalg.inv(registration.matrix)
        outline = heatmap.outline
        return replace(
            heatmap,
            affine=back @ heatmap.affine,
            outline=None if outline is None else replace(outline, affine=back @ outline.affine),
        )

    def predict(self) -> None:
        """Predict the second scan by the chosen model.

        Values that its header gives count; all others are taken from the form.
        """
        store, second, shown = self._store, self._second.case, self._store.shown_prediction
        if second is None or shown is None or shown.workbench is None or not self.can_predict:
            return
        workbench = shown.workbench
        bundle, now = shown.request.bundle, dict(shown.request.metadata)
        own = bundle.schema.prefill(second.volume.attributes)
        before = {
            name: value if own.get(name) is None else own[name] for name, value in now.items()
        }
        assumed = tuple(
            each.label
            for each in bundle.schema.fields
            if own.get(each.name) is None and now.get(each.name) is not None
        )
        volume = second.volume
        wanted = shown.explanation
        explanation = wanted if wanted is not None and not wanted.is_slow else Explanation()

        def work(progress: Progress) -> tuple[Prediction, Change]:
            made = store.engine.predict(bundle.folder, volume, before, explanation, progress)
            from fusion3d_gui.inference.analysis.change import change_between

            return made.prediction, change_between(made.workbench.case, workbench.case, before, now)

        def done(made: tuple[Prediction, Change]) -> None:
            beside = self._second.case
            if (
                store.shown_prediction is not None
                and store.shown_prediction.prediction.logit == shown.prediction.logit
                and store.shown_prediction.request.same_but_identity(shown.request)
                and beside is not None
                and beside.volume.voxels is volume.voxels
            ):
                self._result = PriorResult(
                    *made, store.shown_prediction, volume.voxels, assumed, explanation
                )
            self.changed.emit()

        store.run(store.inference, LABEL, work, done, undone=self.changed.emit)
        self.changed.emit()

    def restore(
        self,
        prediction: Prediction,
        change: Change,
        assumed: tuple[str, ...],
        explanation: Explanation,
    ) -> bool:
        """Show a prediction of an earlier run, where it is of the second scan and compared with what is shown of the first.

        Returns whether it is.
        """
        second, shown = self._second, self._store.shown_prediction
        if second.case is None or shown is None or self._predictions.is_outdated:
            return False
        first = shown.prediction
        if (
            prediction.volume_sha256 != second.sha256
            or prediction.weights_sha256 != first.weights_sha256
            or abs(change.logit_now - first.logit) > _SAME_LOGIT
            or abs(change.logit_before - prediction.logit) > _SAME_LOGIT
        ):
            return False
        voxels = second.case.volume.voxels
        self._result = PriorResult(prediction, change, shown, voxels, assumed, explanation)
        self.changed.emit()
        return True

    def _check(self) -> None:
        """Drop what no longer holds."""
        result, second, shown = self._result, self._second.case, self._store.shown_prediction
        if result is not None and (
            second is None
            or second.volume.voxels is not result.voxels
            or shown is None
            or self._predictions.is_outdated
            or not shown.request.same_but_identity(result.of.request)
        ):
            self._result = None
        self.changed.emit()
