"""``wait``: the window lives for a while, as it does in the program."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer


def wait(milliseconds: int) -> None:
    """Let the window and the program's threads live for so long.

    PySide's ``QTest.qWait`` sleeps for up to 10 ms at a time, whatever happens meanwhile, and keeps
    Python's lock: no other thread runs Python beside it, so that nothing would ever contend with the window.
    """
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
    # What was deleted outside of this loop waits for an outer one, which may be reached only at the end.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
