"""``Explainer``: makes other heatmaps of the shown prediction, and checks the one on screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.shown_prediction import MapChecks
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.prediction.side_by_side import MapCell, SideBySideMaps
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import Task

#: A coarse heatmap replaces a coarser one at most this often.
_COARSE_EVERY_S = 0.3

#: Correlation from which on the maps of both sides are called the same.
_ALIKE_FROM = 0.95
_ALIKE = (
    "Nearly the same map on both sides: here this method marks what the network sees, not which way it moved the "
    "probability."
)


class Explainer(QObject):
    """Works on the inference lane; the heatmaps that it makes become part of the shown prediction."""

    #: The heatmap on screen has been checked: MapChecks.
    checked = Signal(object)
    _coarse_made = Signal(object, object, object)  # Task, Workbench, Heatmap; from the worker

    def __init__(
        self,
        store: Store,
        choice: ExplanationChoice,
        predictions: Predictions,
        side_by_side: SideBySideMaps,
    ) -> None:
        super().__init__(store)
        self._store = store
        self._choice = choice
        self._predictions = predictions
        self._side_by_side = side_by_side
        self._task: Task[Heatmap] | None = None
        #: The heatmap that was checked last, and what came of it.
        self._checked: tuple[Heatmap, SanityReport] | None = None
        self._coarse_made.connect(self._on_coarse_made, Qt.ConnectionType.QueuedConnection)
        #: Stands for the maps beside Grad-CAM, as ``self`` does for those of both sides.
        self._beside_gradcam = object()
        choice.changed.connect(self.refresh)
        # The number comes first: most maps need a pass of their own.
        predictions.arrived.connect(self.refresh)

    def refresh(self) -> None:
        """Explain the shown prediction as is wanted, unless it is explained that way."""
        store, wanted = self._store, self._choice.wanted
        shown = store.shown_prediction
        if shown is None or store.predicting or shown.explanation == wanted:
            return
        request, workbench = shown.request, shown.workbench
        if workbench is None:
            # A prediction of an earlier run: what other maps need was not kept.
            if not self._predictions.is_outdated:
                self._predictions.predict()
            return
        emitted_s = time.monotonic()

        def on_map(heatmap: Heatmap) -> None:
            nonlocal emitted_s
            if time.monotonic() - emitted_s >= _COARSE_EVERY_S:
                emitted_s = time.monotonic()
                self._coarse_made.emit(task, workbench, heatmap)

        def work(progress: Progress) -> Heatmap:
            return store.engine.explain(
                request.bundle.folder, workbench, request.metadata, wanted, progress, on_map
            )

        def on_explained(heatmap: Heatmap) -> None:
            now = store.shown_prediction
            if now is not None and now.workbench is workbench and wanted == self._choice.wanted:
                store.show_prediction(now.with_heatmap(heatmap, wanted))

        task = self._task = store.run(
            store.inference,
            "Explaining",
            work,
            on_explained,
            # What is on screen now is all that there will be.
            undone=store.prediction_changed.emit,
        )

    def _on_coarse_made(self, task: Task[Heatmap], workbench: object, heatmap: Heatmap) -> None:
        if task is not self._task or task.stop.is_set():
            return  # cancelled or superseded while this was queued
        shown = self._store.shown_prediction
        if shown is not None and shown.workbench is workbench:
            self._store.show_prediction(shown.with_heatmap(heatmap, None))

    def show_both_sides(self) -> None:
        """Show what raised and what lowered the prediction side by side; makes the missing map."""
        store, shown = self._store, self._store.shown_prediction
        prediction = self._predictions.current
        if shown is None or prediction is None or store.predicting or shown.explanation is None:
            return
        explanation = shown.explanation
        other = replace(explanation, side="lowered" if explanation.side == "raised" else "raised")

        def on_made(heatmap: Heatmap) -> None:
            maps = sorted((prediction.heatmap, heatmap), key=lambda one: one.side != "raised")
            warning = _ALIKE if are_alike(*maps) else ""
            cells = [
                _cell(f"Regions that {one.side} the probability", explanation, one, warning)
                for one in maps
            ]
            self._show(self, prediction, cells, on_one_scale=True)

        self._make_other(other, prediction, on_made)

    def show_beside_gradcam(self) -> None:
        """Show the heatmap beside Grad-CAM at the last stage; makes the missing map."""
        store, shown = self._store, self._store.shown_prediction
        prediction = self._predictions.current
        if shown is None or prediction is None or store.predicting or shown.explanation is None:
            return
        explanation = shown.explanation
        gradcam = Explanation(side=explanation.side, raw=explanation.raw)
        method, stages = shown.request.bundle.default_map
        other = (
            replace(gradcam, method=method, stages=stages) if explanation == gradcam else gradcam
        )

        def on_made(heatmap: Heatmap) -> None:
            pairs = [(explanation, prediction.heatmap), (other, heatmap)]
            pairs.sort(key=lambda pair: pair[0] == gradcam)
            cells = [_cell(each.name, each, one) for each, one in pairs]
            self._show(self._beside_gradcam, prediction, cells)

        self._make_other(other, prediction, on_made)

    def _make_other(
        self, explanation: Explanation, prediction: Prediction, made: Callable[[Heatmap], None]
    ) -> None:
        """Make another map of the shown prediction, for ``made`` unless it is outdated by then."""
        store, shown = self._store, self._store.shown_prediction
        assert shown is not None
        request, workbench = shown.request, shown.workbench
        if workbench is None:
            self._predictions.predict()
            return

        def work(progress: Progress) -> Heatmap:
            return store.engine.explain(
                request.bundle.folder, workbench, request.metadata, explanation, progress
            )

        def on_made(heatmap: Heatmap) -> None:
            if self._predictions.current is prediction:
                made(heatmap)

        self._task = store.run(store.inference, "Explaining", work, on_made)

    def _show(
        self,
        source: object,
        prediction: Prediction,
        cells: list[MapCell],
        on_one_scale: bool = False,
    ) -> None:
        def is_current() -> bool:
            return self._predictions.current is prediction

        self._side_by_side.show(source, cells, is_current, on_one_scale)

    @property
    def shows_both_sides(self) -> bool:
        """Whether the maps of both sides are on screen."""
        return self._side_by_side.shows(self)

    @property
    def shows_beside_gradcam(self) -> bool:
        """Whether the heatmap is on screen beside Grad-CAM."""
        return self._side_by_side.shows(self._beside_gradcam)

    def toggle_beside_gradcam(self) -> None:
        """Show the heatmap beside Grad-CAM, or the usual views again."""
        if self.shows_beside_gradcam:
            self._side_by_side.hide()
        else:
            self.show_beside_gradcam()

    @property
    def can_check(self) -> bool:
        """Whether the heatmap is current, complete, of a method of few passes, and made in this run."""
        prediction, shown = self._predictions.current, self._store.shown_prediction
        explanation = None if shown is None else shown.explanation
        if prediction is None or explanation is None or self._predictions.is_restored:
            return False
        return not explanation.is_slow

    def check(self) -> None:
        """Check whether the heatmap on screen deserves trust; :attr:`checked` gives the figures."""
        store, shown = self._store, self._store.shown_prediction
        if shown is None or shown.explanation is None or not self.can_check or store.predicting:
            return
        request, prediction = shown.request, shown.prediction
        workbench, explanation = shown.workbench, shown.explanation
        if workbench is None:
            return

        def work(progress: Progress) -> MapChecks:
            report = store.engine.check_map(
                request.bundle.folder, workbench, request.metadata, explanation, progress
            )
            mark = f"{prediction.fit.mark}: " if prediction.fit.mark else ""
            subject = (
                f"{mark}{explanation.name}, regions that {explanation.side} the probability of "
                f"{100 * prediction.probability:.3g} % by {prediction.bundle_name} "
                f"{prediction.bundle_version}, scan {prediction.volume_sha256[:8]}"
            )
            return MapChecks(subject, report)

        def on_checked(checks: MapChecks) -> None:
            self._checked = prediction.heatmap, checks.report
            self.checked.emit(checks)

        store.run(store.inference, "Checking the map", work, on_checked)

    def checks_of(self, heatmap: Heatmap) -> SanityReport | None:
        """The figures of the last checks where they were of this heatmap; else None."""
        return self._checked[1] if self._checked and self._checked[0] is heatmap else None


def are_alike(one: Heatmap, other: Heatmap) -> bool:
    """Whether two maps on one grid mark the same regions alike, whatever their peaks."""
    if one.values.shape != other.values.shape:
        return False
    first, second = (each.values.ravel().astype(np.float64) for each in (one, other))
    if min(np.ptp(first), np.ptp(second)) == 0:
        return False
    return float(np.corrcoef(first, second)[0, 1]) >= _ALIKE_FROM


def _cell(name: str, explanation: Explanation, heatmap: Heatmap, warning: str = "") -> MapCell:
    return MapCell(
        name=name,
        summary=heatmap.peak_text if heatmap.peak > 0 else "nothing",
        detail=f"{explanation.name}: {heatmap.grid_text}",
        heatmap=heatmap,
        warning=warning,
    )
