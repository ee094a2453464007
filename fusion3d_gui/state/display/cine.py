"""``Cine``: steps through the planes of a view at a chosen speed."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

#: Speeds to choose from, planes per second.
SPEEDS = (2, 5, 10, 15, 20, 30, 45, 60)


class Cine(QObject):
    """A timer that calls back once for every plane of one view until stopped."""

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
        """Whether it is stepping."""
        return self._timer.isActive()

    @property
    def speed(self) -> int:
        """Planes per second."""
        return self._speed

    def turns(self, view: object) -> bool:
        """Whether it is stepping through this view's planes."""
        return self.running and self._view is view

    def run(self, view: object, step: Callable[[], object]) -> None:
        """Begin to step: call ``step`` for each plane of ``view``."""
        self._view, self._step = view, step
        self._timer.start(1000 // self._speed)
        self.changed.emit()

    def stop(self) -> None:
        """Stop stepping."""
        self._timer.stop()
        self._view = self._step = None
        self.changed.emit()

    def change_speed(self, steps: int) -> None:
        """Change the speed by so many entries of :data:`SPEEDS`."""
        index = SPEEDS.index(self._speed) + steps
        self._speed = SPEEDS[min(max(index, 0), len(SPEEDS) - 1)]
        self._timer.setInterval(1000 // self._speed)
        self.changed.emit()

    def _on_tick(self) -> None:
        if self._step is not None:
            self._step()
