"""``wait``: run the event loop for a while, as it runs in the program."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer


def wait(milliseconds: int) -> None:
    """Run the event loop for so many milliseconds.

    PySide's ``QTest.qWait`` sleeps for up to 10 ms at a time, whatever happens meanwhile, and keeps
    Python's lock: no other thread runs Python beside it, so that nothing would ever contend with the window.
    """
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
    # Objects deleted outside of this loop wait for an outer one, which may be reached only at the end.
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
