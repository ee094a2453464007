"""``SetAsideWork``: the way back to work that a session has taken the place of."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.case import CaseKey
from fusion3d_gui.state.kept.kept_work import KeptWork
from fusion3d_gui.state.kept.work_folder import aside_count, exchange_aside, work_key
from fusion3d_gui.state.kept.work_keeper import WorkKeeper
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane


class SetAsideWork(QObject):
    """Exchanges the work on the case on screen for what was set aside: nothing is lost on either way.

    ``folder`` is that of kept work; None: nothing is set aside.
    """

    changed = Signal()

    def __init__(self, folder: Path | None, store: Store, keeper: WorkKeeper) -> None:
        super().__init__(store)
        self._folder = folder
        self._store = store
        self._keeper = keeper
        self._count = 0
        self._of: CaseKey | None = None
        self._lane = TaskLane("set-aside", self)
        self._lane.changed.connect(self.changed)
        keeper.restored.connect(self._count_now)
        keeper.forgotten.connect(self._on_forgotten)

    @property
    def can_bring_back(self) -> bool:
        """Whether there is work on the case on screen that was set aside."""
        case = self._store.case
        is_there = case is not None and case.key == self._of and self._count > 0
        return is_there and self._keeper.whole is not None and not self._lane.running

    def bring_back(self) -> None:
        """Show what was set aside; what is on screen is set aside in turn."""
        folder, case, present = self._folder, self._store.case, self._keeper.whole
        if folder is None or case is None or present is None or not self.can_bring_back:
            return
        key, volume = case.key, case.volume

        def work(progress: Progress) -> KeptWork | None:
            try:
                return exchange_aside(folder, work_key(volume), present)
            except OSError as error:
                raise UserError(
                    f"The work on this case can't be set aside ({error.strerror})",
                    remedy="Save a session before you bring back other work.",
                ) from None

        def done(found: KeptWork | None) -> None:
            now = self._store.case
            if found is None or now is None or now.key != key:
                self._count_now()
                return
            what = present.summary
            told = f" What was shown ({what}) is set aside in turn." if what else ""
            self._store.noticed.emit(Notice(f"Brought back: {found.summary}.{told}"))
            self._keeper.replace(found)

        self._store.run(self._lane, "Bringing back work", work, done)

    def close(self) -> bool:
        """End the thread; returns whether it ended in time."""
        return self._lane.close()

    def _count_now(self) -> None:
        folder, case = self._folder, self._store.case
        if folder is None or case is None:
            return
        key, volume = case.key, case.volume
        task = self._lane.submit(
            "Looking for work set aside", lambda progress: aside_count(folder, work_key(volume))
        )
        task.succeeded.connect(lambda count: self._on_counted(key, count))

    def _on_counted(self, key: CaseKey, count: int) -> None:
        self._of, self._count = key, count
        self.changed.emit()

    def _on_forgotten(self) -> None:
        self._count = 0
        self.changed.emit()
