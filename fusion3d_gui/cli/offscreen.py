"""``qt_without_window``: what Qt needs to paint a page where there is no screen."""

from __future__ import annotations

import os
from functools import cache

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication


@cache
def qt_without_window() -> QCoreApplication:
    """The process's Qt application, kept until the process ends: a second one could not be made after it.

    One with widgets, so that a window may still open in the same process.
    """
    running = QCoreApplication.instance()
    if running is not None:
        return running
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QApplication([])
