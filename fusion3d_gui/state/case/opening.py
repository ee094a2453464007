"""``Opener``: brings scans onto the screen, and returns to what was there should one not arrive whole."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Qt, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.display.window_level import Window
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.case.case import Case, load_case
from fusion3d_gui.state.prediction.result import Result

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session

#: How long reading waits at most for the window to show a case's first slice.
_PAINTED_WITHIN_S = 0.1


@dataclass(frozen=True, eq=False)
class Former:
    """The case that was on screen before (None: the start page), and how it was shown."""

    case: Case | None
    result: Result | None
    window: Window
    position_lps: np.ndarray


@dataclass(eq=False)
class Opening:
    """One request to open a scan.

    ``shown`` is its case once that is on screen with some of its slices; ``former`` then says
    what was there before, and ``painted`` is set once every view has had its turn.
    """

    metadata: Mapping[str, Value]
    then_predict: bool
    shown: Case | None = None
    former: Former | None = None
    painted: threading.Event = field(default_factory=threading.Event)


class Opener(QObject):
    """Reads scans on the session's loading lane; the session puts them on screen."""

    _first_slice_read = Signal(object, object)  # Opening, Case; from the worker

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._opening: Opening | None = None
        self._first_slice_read.connect(
            self._on_first_slice_read, Qt.ConnectionType.QueuedConnection
        )

    def open(
        self,
        path: Path,
        series_uid: str | None,
        metadata: Mapping[str, Value] | None,
        then_predict: bool,
    ) -> None:
        """Open a file or folder; see :meth:`Session.open`."""
        session = self._session
        opening = Opening(metadata or {}, then_predict)
        # Another series of the folder on screen: what the folder holds is known.
        same = session.case is not None and series_uid is not None and session.case.path == path
        known = session.case.series if session.case is not None and same else ()
        hidden = session.identity.hidden

        def on_first(case: Case) -> None:
            self._first_slice_read.emit(opening, case)
            # The reader would take turns with the window at running Python, and make it wait.
            opening.painted.wait(_PAINTED_WITHIN_S)

        def work(progress: Progress) -> Case:
            return load_case(
                path,
                series_uid,
                progress,
                known=known,
                hide_identity=hidden,
                on_first=on_first,
            )

        def on_loaded(case: object) -> None:
            assert isinstance(case, Case)
            self._on_case_loaded(opening, case)

        def on_over(error: object = None) -> None:
            self._return_from(opening)
            if isinstance(error, Exception):
                session.tell_failure(error)

        task = session.loading.submit(
            "Opening a scan" if hidden else f"Opening {path.name or path}", work
        )
        self._opening = opening
        task.succeeded.connect(on_loaded)
        task.failed.connect(on_over)
        task.cancelled.connect(on_over)

    def _on_first_slice_read(self, opening: Opening, case: Case) -> None:
        if opening is not self._opening:
            return  # given up, or overtaken
        session, display = self._session, self._session.display
        former = Former(
            session.case,
            session.result,
            display.window_level.window,
            display.crosshair.position_lps,
        )
        try:
            session.show_case(case, opening.metadata)
        except UserError:
            return  # told once the whole case is there
        opening.shown, opening.former = session.case, former
        # After the views, which have asked for their turns by now.
        display.paint_turns.ask(opening, opening.painted.set)

    def _on_case_loaded(self, opening: Opening, case: Case) -> None:
        self._opening = None
        if opening.shown is None:
            try:
                self._session.show_case(case, opening.metadata)
            except UserError as error:
                self._session.tell_failure(error)
                return
        else:
            self._session.show_whole(case, told=opening.shown.volume.notices)
        if opening.then_predict:
            self._session.predict()

    def _return_from(self, opening: Opening) -> None:
        """Put back what was on screen before a scan that did not arrive whole."""
        if opening is self._opening:
            self._opening = None
        session, former = self._session, opening.former
        if former is None or session.case is not opening.shown:
            return
        if former.case is None:
            session.show_start()
            return
        session.show_case(former.case, {}, former.result)
        session.display.window_level.set_window(former.window)
        session.display.crosshair.move_to(former.position_lps)
