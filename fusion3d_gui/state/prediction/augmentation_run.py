"""``Augmentation``: predicts shifted and mirrored copies of the image (test-time augmentation)."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject

from fusion3d_gui.progress import Progress
from fusion3d_gui.state.store import Store

LABEL = "Moving and mirroring the image"


class Augmentation(QObject):
    """Works on the inference lane; what it computes stays with the prediction's workbench."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._store = store

    @property
    def can_start(self) -> bool:
        """Whether there is a prediction of this run, and none is under way."""
        shown = self._store.shown_prediction
        return shown is not None and shown.workbench is not None and not self._store.predicting

    def start(self) -> None:
        """Compute the copies' features; ``Store.prediction_changed`` is emitted when they are there."""
        store, shown = self._store, self._store.shown_prediction
        if shown is None or store.predicting:
            return
        folder, workbench = shown.request.bundle.folder, shown.workbench
        if workbench is None:
            return

        def work(progress: Progress) -> np.ndarray:
            return store.engine.augmented_features(folder, workbench, progress)

        def on_done(pooled: np.ndarray) -> None:
            workbench.augmented_features = pooled
            store.prediction_changed.emit()

        store.run(store.inference, LABEL, work, on_done)
