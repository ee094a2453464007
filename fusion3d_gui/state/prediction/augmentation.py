"""``Augmentation``: what it takes more passes through the network to know about how sure an answer is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject

from fusion3d_gui.progress import Progress

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session

LABEL = "Moving and mirroring the image"


class Augmentation(QObject):
    """Asks on the session's inference lane; the answer stays with the result's workbench."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session

    @property
    def can_start(self) -> bool:
        """Whether there is an answer, and the lane is not busy with another."""
        session = self._session
        return session.result is not None and not session.predicting

    def start(self) -> None:
        """Look at the image moved and mirrored; ``result_changed`` tells when it is done."""
        session, result = self._session, self._session.result
        if result is None or not self.can_start:
            return

        def work(progress: Progress) -> np.ndarray:
            folder = result.request.bundle.folder
            return session.engine.augmented_features(folder, result.workbench, progress)

        def on_seen(pooled: object) -> None:
            assert isinstance(pooled, np.ndarray)
            result.workbench.augmented_features = pooled
            session.result_changed.emit()

        task = session.inference.submit(LABEL, work)
        task.succeeded.connect(on_seen)
        task.failed.connect(session.tell_failure)
