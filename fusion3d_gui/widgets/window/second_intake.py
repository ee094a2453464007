"""``SecondIntake``: what is dropped to be shown beside the scan on screen, and the question about another patient."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.controls.drop_target import DropTarget
from fusion3d_gui.widgets.window.bars.notice_strip import NoticeStrip
from fusion3d_gui.widgets.window.dialogs.other_patient import ask_other_patient
from fusion3d_gui.widgets.window.series.series_panel import SeriesPanel


class SecondIntake(QObject):
    """Connects what is dropped with shift held, or on ``zone``, with the second scan."""

    def __init__(
        self,
        session: Session,
        drops: DropTarget,
        zone: QWidget,
        series: SeriesPanel,
        notices: NoticeStrip,
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._session, self._series, self._window = session, series, window
        self._notices = notices
        drops.beside_zone = zone
        drops.dropped_beside.connect(self._open)
        drops.series_dropped_beside.connect(self._open_series)
        session.second.asked.connect(self._ask)

    def _open(self, paths: Sequence[Path]) -> None:
        session = self._session
        # Where nothing is open yet, it is the first scan.
        open_paths = session.open if session.store.case is None else session.second.open
        open_paths(paths)

    def _open_series(self, uid: str) -> None:
        series = self._series.series(uid)
        if series is not None:
            self._session.second.open_series(series)

    def _ask(self, case: Case) -> None:
        # They are about the scan before, and would cover whose this one is.
        self._notices.clear()
        ask_other_patient(self._session.store, self._session.second, case, self._window)
