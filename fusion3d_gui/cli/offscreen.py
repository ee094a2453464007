"""``qt_without_window``: what Qt needs to paint a page where there is no screen."""

from __future__ import annotations

import os

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication


def qt_without_window() -> QCoreApplication:
    """The process's Qt application; keep it for as long as something is painted."""
    running = QCoreApplication.instance()
    if running is not None:
        return running
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QGuiApplication([])
