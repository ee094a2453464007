"""``Turns``: things that take long, one in each turn of the event loop."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer


class Turns(QObject):
    """What was asked for is done in order, with the event loop free to do other things in between.

    Views that must be resampled are painted so: all of them in one turn would hold up the window.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: dict[object, Callable[[], object]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._next)

    def ask(self, who: object, work: Callable[[], object]) -> None:
        """Do this when it is its turn; who waits already goes on waiting, for the new work."""
        self._waiting[who] = work
        self._timer.start()

    def is_waiting(self, who: object) -> bool:
        """Whether something of this one is still to be done."""
        return who in self._waiting

    @property
    def is_busy(self) -> bool:
        """Whether anything is still to be done."""
        return bool(self._waiting)

    def _next(self) -> None:
        if not self._waiting:
            return
        who = next(iter(self._waiting))
        work = self._waiting.pop(who)
        if self._waiting:
            self._timer.start()
        work()
