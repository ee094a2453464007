"""``MaskAgreements``: how the heatmap on screen agrees with the selected mask, kept up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.masks.mask_list import MaskList
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

if TYPE_CHECKING:
    from fusion3d_gui.inference.analysis.mask_agreement import Agreement, MaskComparison

#: After the last change of map or mask, so that a stroke is not compared at each of its steps (ms).
_AFTER_MS = 150


class MaskAgreements(QObject):
    """Compares on a thread of its own whenever mask or map change; the threshold is followed at once."""

    changed = Signal()

    def __init__(
        self, store: Store, masks: MaskList, predictions: Predictions, overlay: OverlaySettings
    ) -> None:
        super().__init__(store)
        self._store, self._masks = store, masks
        self._predictions, self._overlay = predictions, overlay
        self._compared: tuple[Heatmap, Mask, MaskComparison] | None = None
        self._lane = TaskLane("agreement", self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self._compare)
        for signal in (
            masks.changed,
            masks.selection_changed,
            store.prediction_changed,
            store.case_changed,
        ):
            signal.connect(self._on_changed)
        overlay.changed.connect(self.changed)

    @property
    def now(self) -> Agreement | None:
        """Of the heatmap on screen with the selected mask; None without either, and until they are compared."""
        pair, compared = self._pair, self._compared
        if pair is None or compared is None or compared[:2] != pair:
            return None
        top = self._overlay.top_of(pair[0])
        return compared[2].at(self._overlay.threshold * top)

    @property
    def is_wanted(self) -> bool:
        """Whether there are a map and a mask to compare."""
        return self._pair is not None

    def close(self) -> bool:
        """End the thread; returns whether it ended in time."""
        self._timer.stop()
        return self._lane.close()

    @property
    def _pair(self) -> tuple[Heatmap, Mask] | None:
        heatmap, selected = self._predictions.heatmap, self._masks.selected
        if heatmap is None or selected is None or heatmap.peak_lps is None:
            return None
        return heatmap, selected.mask

    def _on_changed(self) -> None:
        pair, compared = self._pair, self._compared
        if pair is None:
            self._lane.cancel()
            self._timer.stop()
            self._compared = None
        elif compared is None or compared[:2] != pair:
            self._timer.start()
        self.changed.emit()

    def _compare(self) -> None:
        pair, case = self._pair, self._store.case
        if pair is None or case is None or not case.is_complete:
            return
        heatmap, mask, volume = *pair, case.volume

        def work(progress: Progress) -> MaskComparison:
            from fusion3d_gui.inference.analysis.mask_agreement import MaskComparison

            return MaskComparison(heatmap, mask, volume, progress)

        def on_compared(found: MaskComparison) -> None:
            self._compared = heatmap, mask, found
            self.changed.emit()

        task = self._lane.submit("Comparing the map with the mask", work)
        task.succeeded.connect(on_compared)
