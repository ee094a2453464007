"""``PaintQueue``: runs queued paint jobs, one per event-loop iteration."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


class PaintQueue(QObject):
    """Runs jobs in the order in which they were added; input is handled between two of them.

    Views that must be resampled are painted this way: painting all of them in one event would block
    the window.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: dict[object, Callable[[], object]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._run_next)

    def add(self, key: object, job: Callable[[], object]) -> None:
        """Queue a job. One with the same key that still waits is replaced, and keeps its position."""
        self._waiting[key] = job
        self._timer.start()

    def is_waiting(self, key: object) -> bool:
        """Whether a job with this key is still to be run."""
        return key in self._waiting

    @property
    def is_busy(self) -> bool:
        """Whether any job is still to be run."""
        return bool(self._waiting)

    def _run_next(self) -> None:
        if not self._waiting:
            return
        key = next(iter(self._waiting))
        job = self._waiting.pop(key)
        if self._waiting:
            self._timer.start()
        job()
