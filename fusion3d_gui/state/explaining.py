"""``Explaining``: which map explains the result on screen, its peaks, and whether it deserves trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.inference.explanation import Explanation
from fusion3d_gui.inference.prediction import Heatmap, Side
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.result import MapChecks

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session


class Explaining(QObject):
    """Makes maps on the session's inference lane; the session holds the result that they belong to."""

    #: Another explanation is wanted.
    changed = Signal()
    #: The map on screen has been checked: MapChecks.
    checked = Signal(object)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        #: Method and stages that the user chose; None: those that suit the model best.
        self._chosen: tuple[str, tuple[int, ...]] | None = None
        self._side: Side = "raised"
        session.bundle_changed.connect(self.changed)
        session.result_changed.connect(self._show_hot_spots)

    @property
    def wanted(self) -> Explanation:
        """How predictions are explained: as the user chose, else as suits the chosen model best."""
        method, stages = self._chosen or self._default
        return Explanation(method, stages, self._side)

    @property
    def _default(self) -> tuple[str, tuple[int, ...]]:
        bundle = self._session.bundle
        usual = Explanation()
        return (usual.method, usual.stages) if bundle is None else bundle.default_map

    def explain(self, explanation: Explanation) -> None:
        """Explain from now on like this, the present result too.

        Who chooses the model's default follows the defaults of other models too.
        """
        if explanation == self.wanted:
            return
        wanted = explanation.method, explanation.stages
        self._chosen = None if wanted == self._default else wanted
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

        def work(progress: Progress) -> Heatmap:
            return session.engine.explain(
                request.bundle.folder, result.workbench, request.metadata, wanted, progress
            )

        def on_explained(heatmap: object) -> None:
            assert isinstance(heatmap, Heatmap)
            now = session.result
            if now is not None and now.workbench is result.workbench and wanted == self.wanted:
                session.show_heatmap(heatmap, wanted)

        task = session.inference.submit("Explaining", work)
        task.succeeded.connect(on_explained)
        task.failed.connect(session.tell_failure)

    @property
    def can_check(self) -> bool:
        """Whether there is a current map of the network's stages: only these can be checked."""
        prediction = self._session.current_prediction
        return prediction is not None and prediction.heatmap.layer != "input"

    def check(self) -> None:
        """Find out whether the map on screen deserves trust; :attr:`checked` tells."""
        session = self._session
        result = session.result
        if result is None or not self.can_check or session.predicting:
            return
        request, prediction = result.request, result.prediction

        def work(progress: Progress) -> MapChecks:
            report, picture = session.engine.check_map(
                request.bundle.folder,
                result.workbench,
                request.metadata,
                result.explanation,
                progress,
            )
            heatmap = prediction.heatmap
            subject = f"{heatmap.method} of {heatmap.layer}, {prediction.bundle_name}"
            return MapChecks(f"{subject} {prediction.bundle_version}", report, picture)

        task = session.inference.submit("Checking the map", work)
        task.succeeded.connect(self.checked)
        task.failed.connect(session.tell_failure)

    def go_to_peak(self) -> None:
        """Put the crosshair on the strongest cell of the current heatmap."""
        prediction = self._session.current_prediction
        if prediction is not None and prediction.heatmap.peak_lps is not None:
            self._session.display.crosshair.move_to(prediction.heatmap.peak_lps)

    def _show_hot_spots(self) -> None:
        prediction = self._session.current_prediction
        self._session.hot_spots.set_heatmap(None if prediction is None else prediction.heatmap)
