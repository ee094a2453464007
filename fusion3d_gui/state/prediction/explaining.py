"""``Explaining``: which map explains the result on screen, its peaks, and whether it deserves trust."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.prediction import Heatmap, Side
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.prediction.result import MapChecks
from fusion3d_gui.state.prediction.side_by_side import MapCell
from fusion3d_gui.state.tasks import Task

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session


#: A coarse map replaces a coarser one at most this often.
_COARSE_EVERY_S = 0.3


class Explaining(QObject):
    """Makes maps on the session's inference lane; the session holds the result that they belong to."""

    #: Another explanation is wanted.
    changed = Signal()
    #: The map on screen has been checked: MapChecks.
    checked = Signal(object)
    _coarse_made = Signal(object, object, object)  # Task, Workbench, Heatmap; from the worker

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        #: Method and stages that the user chose; None: those that suit the model best.
        self._chosen: tuple[str, tuple[int, ...]] | None = None
        self._side: Side = "raised"
        self._task: Task | None = None
        self._coarse_made.connect(self._on_coarse_made, Qt.ConnectionType.QueuedConnection)
        session.bundle_changed.connect(self.changed)
        session.result_changed.connect(self._show_hot_spots)

    @property
    def wanted(self) -> Explanation:
        """How the chosen model's predictions are explained."""
        return self.wanted_for(self._session.bundle)

    def wanted_for(self, info: BundleInfo | None) -> Explanation:
        """How a model's predictions are explained: as the user chose, else as suits it best."""
        method, stages = self._chosen or _default(info)
        return Explanation(method, stages, self._side)

    def explain(self, explanation: Explanation) -> None:
        """Explain from now on like this, the present result too.

        Who chooses the model's default follows the defaults of other models too.
        """
        if explanation == self.wanted:
            return
        wanted = explanation.method, explanation.stages
        self._chosen = None if wanted == _default(self._session.bundle) else wanted
        self._side = explanation.side
        self.changed.emit()
        self.refresh()

    def refresh(self) -> None:
        """Explain the present result as is wanted, unless that is how it is explained."""
        session, wanted = self._session, self.wanted
        result = session.result
        if result is None or session.predicting or result.explanation == wanted:
            return
        request = result.request

        told_s = time.monotonic()

        def on_map(heatmap: Heatmap) -> None:
            nonlocal told_s
            if time.monotonic() - told_s >= _COARSE_EVERY_S:
                told_s = time.monotonic()
                self._coarse_made.emit(task, result.workbench, heatmap)

        def work(progress: Progress) -> Heatmap:
            return session.engine.explain(
                request.bundle.folder, result.workbench, request.metadata, wanted, progress, on_map
            )

        def on_explained(heatmap: object) -> None:
            assert isinstance(heatmap, Heatmap)
            now = session.result
            if now is not None and now.workbench is result.workbench and wanted == self.wanted:
                session.show_heatmap(heatmap, wanted)

        task = self._task = session.inference.submit("Explaining", work)
        task.succeeded.connect(on_explained)
        task.failed.connect(session.tell_failure)

    def show_both(self) -> None:
        """Map what raised the answer and what lowered it beside each other; makes the missing one."""
        session, result = self._session, self._session.result
        prediction = session.current_prediction
        if result is None or prediction is None or session.predicting or result.explanation is None:
            return
        request, shown = result.request, result.explanation
        other = replace(shown, side="lowered" if shown.side == "raised" else "raised")

        def work(progress: Progress) -> Heatmap:
            return session.engine.explain(
                request.bundle.folder, result.workbench, request.metadata, other, progress
            )

        def on_made(heatmap: object) -> None:
            assert isinstance(heatmap, Heatmap)
            if session.current_prediction is not prediction:
                return
            maps = sorted((prediction.heatmap, heatmap), key=lambda one: one.side != "raised")
            cells = [
                MapCell(
                    name=f"What {one.side} it",
                    said=one.peak_text if one.peak > 0 else "nothing",
                    detail=f"{shown.name}: {one.grid_text}",
                    heatmap=one,
                )
                for one in maps
            ]
            session.beside.show(self, cells, lambda: session.current_prediction is prediction)

        task = self._task = session.inference.submit("Explaining", work)
        task.succeeded.connect(on_made)
        task.failed.connect(session.tell_failure)

    @property
    def shows_both(self) -> bool:
        """Whether both maps are on screen."""
        return self._session.beside.shows(self)

    def _on_coarse_made(self, task: Task, workbench: object, heatmap: Heatmap) -> None:
        result = self._session.result
        if task is not self._task or task.stop.is_set():
            return  # cancelled or superseded while this was on its way
        if result is not None and result.workbench is workbench:
            self._session.show_heatmap(heatmap, None)

    @property
    def can_check(self) -> bool:
        """Whether there is a current map of the network's stages: only these can be checked."""
        prediction = self._session.current_prediction
        whole = self._session.result is not None and self._session.result.explanation is not None
        return prediction is not None and whole and prediction.heatmap.layer != "input"

    def check(self) -> None:
        """Find out whether the map on screen deserves trust; :attr:`checked` tells."""
        session = self._session
        result = session.result
        if result is None or not self.can_check or session.predicting:
            return
        request, prediction, explanation = result.request, result.prediction, result.explanation
        assert explanation is not None

        def work(progress: Progress) -> MapChecks:
            report, picture = session.engine.check_map(
                request.bundle.folder,
                result.workbench,
                request.metadata,
                explanation,
                progress,
            )
            subject = (
                f"{explanation.name}, what {explanation.side} the answer of "
                f"{100 * prediction.probability:.3g} % by {prediction.bundle_name} "
                f"{prediction.bundle_version}, scan {prediction.volume_sha256[:8]}"
            )
            return MapChecks(subject, report, picture)

        task = session.inference.submit("Checking the map", work)
        task.succeeded.connect(self.checked.emit)
        task.failed.connect(session.tell_failure)

    def go_to_peak(self) -> None:
        """Put the crosshair on the strongest cell of the current heatmap."""
        prediction = self._session.current_prediction
        if prediction is not None and prediction.heatmap.peak_lps is not None:
            self._session.display.crosshair.move_to(prediction.heatmap.peak_lps)

    def _show_hot_spots(self) -> None:
        prediction = self._session.current_prediction
        self._session.hot_spots.set_heatmap(None if prediction is None else prediction.heatmap)


def _default(info: BundleInfo | None) -> tuple[str, tuple[int, ...]]:
    usual = Explanation()
    return (usual.method, usual.stages) if info is None else info.default_map
