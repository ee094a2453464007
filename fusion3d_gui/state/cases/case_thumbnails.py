"""``CaseThumbnails``: small images of the cases of a table that are on screen, made one after another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.tasks import TaskLane

#: Side (px) of an image, for screens of twice the density.
SIDE = 80
#: So many images are kept: 6 MB.
_MOST = 1000


class CaseThumbnails(QObject):
    """Made only of what is asked for; the last ones are kept."""

    #: The image of a scan has been made (its path).
    made = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lane = TaskLane("case-thumbnails", self)
        self._images: OrderedDict[Path, np.ndarray | None] = OrderedDict()
        self._wanted: list[Path] = []

    def image(self, path: Path) -> np.ndarray | None:
        """uint8 ``[row, column]``; None where there is none, or none yet."""
        return self._images.get(path)

    def want(self, paths: Sequence[Path]) -> None:
        """Make those of these scans that are not made yet, and no others."""
        self._wanted = [path for path in paths if path not in self._images]
        if not self._lane.running:
            self._make_next()

    def close(self) -> bool:
        """End the thread; returns whether it ended in time."""
        self._wanted = []
        return self._lane.close()

    def _make_next(self) -> None:
        if not self._wanted:
            return
        path = self._wanted.pop(0)

        def work(progress: Progress) -> np.ndarray | None:
            from fusion3d_gui.imaging.catalog.find import find_series
            from fusion3d_gui.imaging.display.thumbnail import thumbnail

            try:
                return thumbnail(find_series(path, progress)[0], SIDE, progress)
            except UserError:
                return None  # opening the case says what is wrong with it

        def on_made(image: np.ndarray | None) -> None:
            self._images[path] = image
            while len(self._images) > _MOST:
                self._images.popitem(last=False)
            self.made.emit(path)
            self._make_next()

        task = self._lane.submit("Making a thumbnail", work)
        task.succeeded.connect(on_made)
        task.failed.connect(lambda error: on_made(None))
