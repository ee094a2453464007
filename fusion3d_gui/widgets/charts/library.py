"""``ChartLibrary``: imports pyqtgraph on a thread of its own, when the first chart needs it."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from functools import cache

from PySide6.QtCore import QObject, Signal

log = logging.getLogger(__name__)

#: What charts and heatmaps are drawn with. The first imports pyqtgraph: 0.35 s of processor time.
_MODULES = ("fusion3d_gui.widgets.charts.plot", "cmap")


class ChartLibrary(QObject):
    """Say whether pyqtgraph has been imported, and import it without blocking the GUI thread."""

    #: The import has ended; :attr:`is_ready` says whether it succeeded.
    finished = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._thread: threading.Thread | None = None
        self._has_ended = False

    @property
    def is_ready(self) -> bool:
        """Whether charts can be made at once."""
        return not self.is_busy and _MODULES[0] in sys.modules

    @property
    def is_busy(self) -> bool:
        """Whether the import is under way."""
        return self._thread is not None and not self._has_ended

    def load(self) -> None:
        """Begin to import unless that has begun; ``finished`` is emitted at the end."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._import, name="chart library")
            self._thread.start()

    def _import(self) -> None:
        try:
            for name in _MODULES:
                importlib.import_module(name)
        except ImportError:
            log.exception("charts can't be drawn")
        self._has_ended = True
        self.finished.emit()


@cache
def chart_library() -> ChartLibrary:
    """Return the one library of this process."""
    return ChartLibrary()
