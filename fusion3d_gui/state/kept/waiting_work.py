"""``WaitingWork``: work on cases that waits to be written, the newest of each case."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.state.data.case import Case, CaseKey
from fusion3d_gui.state.kept.kept_work import KeptWork
from fusion3d_gui.state.kept.work_folder import read_work, work_key, write_work


@dataclass(frozen=True)
class WorkToWrite:
    """Work to be written: of which case, and whether what is on disk has been seen."""

    case: Case
    work: KeptWork
    seen: bool


class WaitingWork:
    """Holds the newest work of each case until a thread writes it into ``folder``; safe on any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[CaseKey, WorkToWrite] = {}
        self._lock, self._disk = threading.Lock(), threading.Lock()

    def put(self, each: WorkToWrite) -> None:
        """Write this instead of what waits for the same case."""
        with self._lock:
            self._waiting[each.case.key] = each

    def write(self) -> None:
        """Write all that waits: a request that is superseded leaves it to the next.

        Raises
        ------
        UserError
            If something can't be written; the rest is.
        """
        problem = ""
        with self._disk:
            while (each := self._next()) is not None:
                key, work = work_key(each.case.volume), each.work
                try:
                    older = None if each.seen else read_work(self._folder, key)
                    write_work(self._folder, key, work if older is None else work.over(older))
                except OSError as error:
                    problem = error.strerror or "it can't be written"
        if problem:
            raise UserError(
                f"The work on this case can't be kept ({problem})",
                remedy="Export the measurements before you close the window.",
            )

    def _next(self) -> WorkToWrite | None:
        with self._lock:
            return self._waiting.popitem()[1] if self._waiting else None
