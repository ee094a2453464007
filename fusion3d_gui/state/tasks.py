"""Run long work on worker threads and report its outcome on the GUI thread.

A *lane* is one thread that does one thing at a time. The newest request wins: submitting cancels
the running and the waiting task. Once a task has been cancelled or superseded, only ``cancelled``
is reported, however late its thread notices.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar, TypeVarTuple

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress

log = logging.getLogger(__name__)

#: Progress is reported to the window at most this often, so that it can't flood the event loop.
_REPORT_EVERY_S = 0.04

T = TypeVar("T")
Payload = TypeVarTuple("Payload")


class Outcome(Generic[*Payload]):
    """One way in which a task may end, and the callbacks for it.

    Not a Qt signal: the callbacks hold the store, which may hold the task, and Python's collector
    can't see a reference cycle through Qt. With signals, a session whose last task was never
    replaced stayed in memory together with its model.
    """

    def __init__(self) -> None:
        self._callbacks: list[Callable[[*Payload], object]] = []

    def connect(self, callback: Callable[[*Payload], object]) -> None:
        """Call ``callback`` on the GUI thread if the task ends this way."""
        self._callbacks.append(callback)

    def emit(self, *payload: *Payload) -> None:
        """Call all callbacks, in the order in which they were connected."""
        for callback in self._callbacks:
            callback(*payload)


class Task(Generic[T]):
    """One request; exactly one of its three outcomes is emitted, on the GUI thread.

    Parameters
    ----------
    label
        What the task is for, as the window shows it.
    work
        A function without Qt, called on the worker thread.
    """

    def __init__(self, label: str, work: Callable[[Progress], T]) -> None:
        self.label = visible_text(label)  # it may name a file
        #: With what ``work`` returned.
        self.succeeded: Outcome[T] = Outcome()
        #: With a UserError, or with another exception that has been logged with its traceback.
        self.failed: Outcome[Exception] = Outcome()
        self.cancelled: Outcome[()] = Outcome()
        #: Set once the task is cancelled or superseded.
        self.stop = threading.Event()
        self._work = work

    def perform(self, progress: Progress) -> Callable[[], None]:
        """Do the work, on the worker thread; returns what emits its outcome on the GUI thread."""
        try:
            return partial(self.succeeded.emit, self._work(progress))
        except Cancelled:
            return self.cancelled.emit
        except UserError as error:
            return partial(self.failed.emit, error)
        except Exception as error:
            # Without the label, which may name a file, which may be named after a patient.
            log.exception("work on thread %s failed", threading.current_thread().name)
            return partial(self.failed.emit, error)


class _AnyTask(Protocol):
    """A task, whatever its work returns."""

    @property
    def label(self) -> str: ...
    @property
    def stop(self) -> threading.Event: ...
    @property
    def cancelled(self) -> Outcome[()]: ...
    def perform(self, progress: Progress) -> Callable[[], None]: ...


class TaskLane(QObject):
    """One worker thread, its current task and the progress of that task.

    ``running``, ``label``, ``fraction`` and ``message`` are what the window may show of it;
    ``changed`` is emitted when one of them changes.
    """

    changed = Signal()
    #: A task has begun or ended: not for each progress, as ``changed`` is.
    switched = Signal()
    _progressed = Signal(object, float, str)  # task, fraction, message; from the worker
    _ended = Signal(object, object)  # task, what emits its outcome; from the worker
    _released = Signal(object)  # id of a task that the worker no longer refers to

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.fraction = 0.0
        self.message = ""
        self._current: _AnyTask | None = None
        self._waiting: _AnyTask | None = None
        # Keeps every task alive until the worker has released it: what a task refers to may belong
        # to the GUI thread, and must not be deleted on another.
        self._alive: dict[int, _AnyTask] = {}
        self._closed = False
        self._wake = threading.Condition()
        # Queued, so that the slots run on the GUI thread.
        self._progressed.connect(self._on_progressed, Qt.ConnectionType.QueuedConnection)
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)
        self._released.connect(self._on_released, Qt.ConnectionType.QueuedConnection)
        # A daemon, so that work stuck in a system call can't keep the process alive.
        self._thread = threading.Thread(target=self._run, name=f"fusion3d-{name}", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether a task is waiting or running."""
        return self._current is not None

    @property
    def label(self) -> str:
        """What the current task is for; empty when idle."""
        return self._current.label if self._current else ""

    def submit(self, label: str, work: Callable[[Progress], T]) -> Task[T]:
        """Cancel the current task and call ``work(progress)`` on the worker thread.

        Connect to the outcomes of the returned task at once. On a closed lane the work is not
        called, and the task is cancelled.
        """
        self.cancel()
        task = Task(label, work)
        self._alive[id(task)] = task
        if self._closed:
            # A queued event may still submit work while the window closes.
            task.stop.set()
            QTimer.singleShot(0, self, lambda: self._refuse(task))
            return task
        self._current = task
        self.fraction, self.message = 0.0, task.label
        with self._wake:
            self._waiting = task
            self._wake.notify()
        self.changed.emit()
        self.switched.emit()
        return task

    def cancel(self) -> None:
        """Cancel the current task; for the window it has ended at once."""
        task, self._current = self._current, None
        if task is None:
            return
        task.stop.set()
        with self._wake:
            if self._waiting is task:
                self._waiting = None
                del self._alive[id(task)]
        self.changed.emit()
        self.switched.emit()
        task.cancelled.emit()

    def close(self, timeout_s: float = 30.0) -> bool:
        """Cancel, and wait for the thread to end; returns whether it ended in time."""
        self.cancel()
        self._closed = True
        with self._wake:
            self._wake.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            return False
        self._alive.clear()
        return True

    def _refuse(self, task: _AnyTask) -> None:
        del self._alive[id(task)]
        task.cancelled.emit()

    @Slot(object, float, str)
    def _on_progressed(self, task: _AnyTask, fraction: float, message: str) -> None:
        if task is self._current:
            self.fraction, self.message = fraction, message
            self.changed.emit()

    @Slot(object, object)
    def _on_ended(self, task: _AnyTask, emit_outcome: Callable[[], None]) -> None:
        if task is not self._current:
            return  # cancelled or superseded while this was queued
        self._current = None
        self.changed.emit()
        self.switched.emit()
        emit_outcome()

    @Slot(object)
    def _on_released(self, key: int) -> None:
        self._alive.pop(key, None)

    # -- from here on: the worker thread ------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._waiting is None:
                    if self._closed:
                        return
                    self._wake.wait()
                if self._closed:
                    return
                task, self._waiting = self._waiting, None
            emit_outcome = task.perform(self._progress_of(task))
            key = id(task)
            if not self._closed:
                self._ended.emit(task, emit_outcome)
            # Before waiting for the next task: a finished one may refer to a whole volume.
            del task, emit_outcome
            if not self._closed:
                self._released.emit(key)

    def _progress_of(self, task: _AnyTask) -> Progress:
        reported_s = 0.0

        def progress(fraction: float, message: str) -> None:
            nonlocal reported_s
            if task.stop.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - reported_s >= _REPORT_EVERY_S:
                reported_s = now
                self._progressed.emit(task, float(fraction), visible_text(str(message)))

        return progress
