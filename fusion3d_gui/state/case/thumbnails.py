"""``Thumbnails``: a small image of each series of what is open, made one after another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.thumbnail import thumbnail
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.store import Store

#: Side length in logical pixels, and image pixels per logical pixel (for high-density screens).
SIDE, DENSITY = 96, 2
#: Thumbnails are made of so many series at most.
_MOST = 64


class Thumbnails(QObject):
    """Images by series UID, kept while the same paths are open; made while nothing is being opened."""

    #: The thumbnail of a series has been made (its UID).
    made = Signal(str)

    def __init__(self, store: Store, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._images: dict[str, np.ndarray | None] = {}
        self._paths: tuple[Path, ...] = ()
        self._wanted = False
        store.case_changed.connect(self._on_case_changed)
        store.loading.changed.connect(self._make_next)

    def image(self, uid: str) -> np.ndarray | None:
        """uint8 ``[row, column]``; None where there is none, or none yet."""
        return self._images.get(uid)

    def set_wanted(self, wanted: bool) -> None:
        """Begin or stop making thumbnails: they are needed while they are on screen."""
        self._wanted = wanted
        if wanted:
            self._make_next()
        else:
            self._store.browsing.cancel()

    def _on_case_changed(self) -> None:
        case = self._store.case
        paths = () if case is None else case.paths
        if paths != self._paths:
            self._paths = paths
            self._images.clear()
            self._store.browsing.cancel()
        self._make_next()

    def _make_next(self) -> None:
        store = self._store
        case = store.case
        busy = store.loading.running or store.browsing.running
        if case is None or busy or not self._wanted or len(case.series) < 2:
            return
        missing = [each for each in case.series[:_MOST] if each.uid not in self._images]
        if missing:
            self._make(missing[0])

    def _make(self, series: Series) -> None:
        paths = self._paths

        def work(progress: Progress) -> np.ndarray | None:
            return thumbnail(series, SIDE * DENSITY, progress)

        def on_made(image: np.ndarray | None) -> None:
            if paths == self._paths:
                self._images[series.uid] = image
                self.made.emit(series.uid)
                self._make_next()

        task = self._store.browsing.submit("Making a thumbnail", work)
        task.succeeded.connect(on_made)
        # Not shown: opening the series says what is wrong with it.
        task.failed.connect(lambda error: on_made(None))
