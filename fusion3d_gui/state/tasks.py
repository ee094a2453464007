"""One runner for long work: plain functions on a thread, their outcomes told on the GUI thread.

A *lane* is one thread that does one thing at a time. The newest request wins: submitting cancels
what runs and what waits. Once a task has been cancelled or superseded, nothing of it is reported
but ``cancelled``, however late its thread notices.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.progress import Progress

log = logging.getLogger(__name__)

#: Progress reaches the window at most this often, so that it never drowns the event loop.
_REPORT_EVERY_S = 0.04

Work = Callable[[Progress], object]


class Outcome:
    """Something that may come of a task, and who is called then.

    No signal of Qt: what is called holds the session, which may hold the task. A circle through Qt is never
    collected, so that a session whose last task was left alone stayed in memory with its model.
    """

    def __init__(self) -> None:
        self._called: list[Callable[..., object]] = []

    def connect(self, called: Callable[..., object]) -> None:
        """Call this when it comes, on the GUI thread."""
        self._called.append(called)

    def emit(self, *payload: object) -> None:
        """It has come."""
        for called in self._called:
            called(*payload)


class Task:
    """One request. Exactly one of the three outcomes comes, on the GUI thread."""

    def __init__(self, label: str, work: Work) -> None:
        #: With what the work returned.
        self.succeeded = Outcome()
        #: With a UserError to show as it is, or another exception, already logged with its traceback.
        self.failed = Outcome()
        self.cancelled = Outcome()
        self.label = label
        self.work = work
        self.stop = threading.Event()
        self._reported = 0.0


class TaskLane(QObject):
    """One worker thread, its current task and that task's progress.

    ``running``, ``label``, ``fraction`` and ``message`` say what the window may show of it;
    ``changed`` is emitted whenever one of them changes.
    """

    changed = Signal()
    _arrived = Signal(object, str, object)
    _let_go = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.fraction = 0.0
        self.message = ""
        self._current: Task | None = None
        self._waiting: Task | None = None
        # Keeps every task alive until its thread has let go of it, so that nothing that it holds of
        # the GUI thread's is ever deleted on another.
        self._alive: dict[int, Task] = {}
        self._closed = False
        self._wake = threading.Condition()
        # Queued: outcomes cross to the thread that owns the lane, whatever thread emits them.
        self._arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)
        self._let_go.connect(self._on_let_go, Qt.ConnectionType.QueuedConnection)
        # A daemon, so that work stuck in a system call cannot keep the process alive.
        self._thread = threading.Thread(target=self._run, name=f"fusion3d-{name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether a task is wanted and not yet done."""
        return self._current is not None

    @property
    def label(self) -> str:
        """What the current task is for; empty when idle."""
        return self._current.label if self._current else ""

    def submit(self, label: str, work: Work) -> Task:
        """Ask for ``work(progress)``; connect to the returned task's signals at once.

        Of a lane that has been closed nothing is asked any more: such a task is cancelled.
        """
        self.cancel()
        task = Task(label, work)
        self._alive[id(task)] = task
        if self._closed:
            # What was on its way when the window closed may still ask, and must do no harm.
            task.stop.set()
            QTimer.singleShot(0, self, lambda: self._refuse(task))
            return task
        self._current = task
        self.fraction, self.message = 0.0, label
        with self._wake:
            self._waiting = task
            self._wake.notify()
        self.changed.emit()
        return task

    def cancel(self) -> None:
        """Give up the current task; it is over for the window at once."""
        task, self._current = self._current, None
        if task is None:
            return
        task.stop.set()
        with self._wake:
            if self._waiting is task:
                self._waiting = None
                del self._alive[id(task)]
        self.changed.emit()
        task.cancelled.emit()

    def close(self, timeout_s: float = 30.0) -> bool:
        """Cancel, and wait until the thread has ended; returns whether it did in time."""
        self.cancel()
        self._closed = True
        with self._wake:
            self._wake.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._alive.clear()
        return True

    def _refuse(self, task: Task) -> None:
        del self._alive[id(task)]
        task.cancelled.emit()

    @Slot(object, str, object)
    def _on_arrived(self, task: Task, kind: str, payload: object) -> None:
        if task is not self._current:
            return  # cancelled or superseded while this was on its way
        if kind == "progress":
            assert isinstance(payload, tuple)
            self.fraction, self.message = payload
            self.changed.emit()
            return
        self._current = None
        self.changed.emit()
        if kind == "succeeded":
            task.succeeded.emit(payload)
        elif kind == "failed":
            task.failed.emit(payload)
        else:
            task.cancelled.emit()

    @Slot(object)
    def _on_let_go(self, key: int) -> None:
        self._alive.pop(key, None)

    # -- from here on: the worker thread ------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._waiting is None and not self._closed:
                    self._wake.wait()
                if self._closed:
                    return
                task, self._waiting = self._waiting, None
            assert task is not None
            kind, payload = self._outcome(task)
            key = id(task)
            if not self._closed:
                self._arrived.emit(task, kind, payload)
            # Let go before waiting: a finished task may hold a whole volume.
            del task, payload
            if not self._closed:
                self._let_go.emit(key)

    def _outcome(self, task: Task) -> tuple[str, object]:
        def progress(fraction: float, message: str) -> None:
            if task.stop.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - task._reported >= _REPORT_EVERY_S:
                task._reported = now
                self._arrived.emit(task, "progress", (float(fraction), str(message)))

        try:
            return "succeeded", task.work(progress)
        except Cancelled:
            return "cancelled", None
        except UserError as error:
            return "failed", error
        except Exception as error:
            # Not the label: it may name a file, and a file may be named after a patient.
            log.exception("work on the %s lane failed", self.name)
            return "failed", error
