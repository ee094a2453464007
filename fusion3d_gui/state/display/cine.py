"""``Cine``: turns planes by itself, at a chosen speed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

#: Planes a second to choose from.
SPEEDS = (2, 5, 10, 15, 20, 30, 45, 60)


class Cine(QObject):
    """A clock: ``run`` calls back once for every plane of one view until ``stop``."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._speed = 15
        self._view: object = None
        self._step: Callable[[], object] | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._on_tick)

    @property
    def running(self) -> bool:
        """Whether planes turn by themselves."""
        return self._timer.isActive()

    @property
    def speed(self) -> int:
        """Planes a second."""
        return self._speed

    def turns(self, view: object) -> bool:
        """Whether this view's planes are those that turn."""
        return self.running and self._view is view

    def run(self, view: object, step: Callable[[], object]) -> None:
        """Call ``step`` for each plane of ``view`` from now on."""
        self._view, self._step = view, step
        self._timer.start(1000 // self._speed)
        self.changed.emit()

    def stop(self) -> None:
        """Stand still."""
        self._timer.stop()
        self._view = self._step = None
        self.changed.emit()

    def change_speed(self, steps: int) -> None:
        """Faster or slower by so many entries of the list."""
        index = SPEEDS.index(self._speed) + steps
        self._speed = SPEEDS[min(max(index, 0), len(SPEEDS) - 1)]
        self._timer.setInterval(1000 // self._speed)
        self.changed.emit()

    def _on_tick(self) -> None:
        if self._step is not None:
            self._step()
