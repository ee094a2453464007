"""``Thumbnails``: small pictures of the series that the open path offers, made one after another."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.thumbnail import thumbnail
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.session import Session

#: Pictures are so large (pixels of a usual screen), and so many times finer, for screens that are.
SIDE, DENSITY = 96, 2
#: Pictures are made of so many series at most.
_MOST = 64


class Thumbnails(QObject):
    """Pictures by series UID, kept while the same path is open; made while nothing is being opened."""

    made = Signal(str)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._pictures: dict[str, np.ndarray | None] = {}
        self._path: str = ""
        self._wanted = False
        session.case_changed.connect(self._on_case_changed)
        session.loading.changed.connect(self._go_on)

    def picture(self, uid: str) -> np.ndarray | None:
        """uint8 ``[row, column]``; None where there is none, or none yet."""
        return self._pictures.get(uid)

    def want(self, wanted: bool) -> None:
        """Whether anybody looks at them."""
        self._wanted = wanted
        if wanted:
            self._go_on()
        else:
            self._session.browsing.cancel()

    def _on_case_changed(self) -> None:
        case = self._session.case
        path = "" if case is None else str(case.path)
        if path != self._path:
            self._path = path
            self._pictures.clear()
            self._session.browsing.cancel()
        self._go_on()

    def _go_on(self) -> None:
        """Make the next picture that is missing."""
        session = self._session
        case = session.case
        busy = session.loading.running or session.browsing.running
        if case is None or busy or not self._wanted or len(case.series) < 2:
            return
        missing = [each for each in case.series[:_MOST] if each.uid not in self._pictures]
        if missing:
            self._make(missing[0])

    def _make(self, series: Series) -> None:
        path = self._path

        def work(progress: Progress) -> np.ndarray | None:
            return thumbnail(series, SIDE * DENSITY, progress)

        def on_made(picture: object) -> None:
            if path == self._path:
                assert picture is None or isinstance(picture, np.ndarray)
                self._pictures[series.uid] = picture
                self.made.emit(series.uid)
                self._go_on()

        def on_failed(error: Exception) -> None:
            on_made(None)  # opening it will say what is wrong

        task = self._session.browsing.submit("Making a picture of a series", work)
        task.succeeded.connect(on_made)
        task.failed.connect(on_failed)
