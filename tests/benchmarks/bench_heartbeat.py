"""Longest time the GUI thread is blocked in each interaction: ``python tests/benchmarks/bench_heartbeat.py``.

A timer fires every 5 ms on the GUI thread during each interaction (``heartbeat_deeds.py``), with painting
on. Prints the longest gap, the 99th percentile, and which interactions exceed 50 ms or had no effect.
Another process watches for memory and processor time that a virtual machine's host takes away at the time
of a gap over 50 ms (``host_watch.py``).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from event_loop import wait
from heartbeat_deeds import Deeds
from host_watch import HostWatch
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication

from fusion3d_gui.app import favour_the_window
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle.bundle_info import find_bundles
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

SIDE, SLICES, LIMIT_MS = 512, 300, 50.0


class Heartbeat:
    """Gaps between beats, in ms, while it is listened to."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._ends: list[float] = []
        #: The most that this thread computed within one gap, ms of processor time.
        self.busy = 0.0
        self._last = self._last_busy = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def listen(self, deed: Callable[[], object], settle: Callable[[], None]) -> list[float]:
        """The gaps while ``deed`` and what it set off were under way."""
        self.gaps, self._ends, self.busy = [], [], 0.0
        self._last, self._last_busy = time.perf_counter(), time.thread_time()
        self._timer.start(5)
        deed()
        settle()
        self._timer.stop()
        return self.gaps

    @property
    def longest(self) -> tuple[float, float]:
        """When the longest gap began and ended, s as ``time.perf_counter``."""
        end = self._ends[int(np.argmax(self.gaps))]
        return end - max(self.gaps) / 1000, end

    def _beat(self) -> None:
        now, busy = time.perf_counter(), time.thread_time()
        self.gaps.append(1000 * (now - self._last))
        self._ends.append(now)
        self.busy = max(self.busy, 1000 * (busy - self._last_busy))
        self._last, self._last_busy = now, busy


def make_series(folder: Path, slices: int, seed: int) -> Path:
    """A CT-like series of 512 x 512 voxels a slice."""
    chance = np.random.default_rng(seed)
    k, j, i = np.ogrid[:slices, :SIDE, :SIDE]
    smooth = 600 * np.sin(j / 40) * np.cos(i / 55 + k / 30)
    voxels = (smooth + chance.normal(0, 12, (1, SIDE, SIDE))).astype(np.int16)
    volume = Volume(voxels, np.diag([0.7, 0.7, 1.0, 1.0]), modality="CT", intercept=-24.0)
    write_dicom_series(volume, folder, attributes={}, uid_seed=f"heartbeat {seed}")
    return folder


def main() -> int:
    """Listen during every deed; the exit status says whether all kept within the limit."""
    app = QApplication([])
    statuses: list[int] = []
    # Inside the event loop, as in the program: Qt does some things otherwise without it.
    QTimer.singleShot(0, lambda: (statuses.append(_listen(app)), app.quit()))
    app.exec()
    return statuses[0]


def _listen(app: QApplication) -> int:
    apply_theme(app)
    favour_the_window()
    session = Session(find_bundles(models_dir()), device="cpu")
    window = MainWindow(session)
    window.show()
    wait(100)
    with tempfile.TemporaryDirectory() as name, HostWatch() as watch:
        folder = Path(name)
        for seed in (1, 2):
            make_series(folder / "two" / str(seed), 60, seed)
        deeds = Deeds(window, make_series(folder / "one", SLICES, 0), folder / "two", folder)
        heart, late, undone = Heartbeat(), [], []
        for title, deed in deeds.by_title().items():
            gaps = heart.listen(deed.do, deeds.settle)
            longest, tail = max(gaps), float(np.percentile(gaps, 99))
            late += [(title, heart.longest)] if longest > LIMIT_MS else []
            undone += [] if deeds.came_about(deed) else [title]
            print(
                f"{title:32s} longest {longest:6.1f} ms   p99 {tail:6.1f} ms"
                f"   processor time {heart.busy:6.1f} ms",
                flush=True,
            )
        window.close()
        session.close()
    said = [f"{title} ({watch.within(*when) or 'the host took nothing'})" for title, when in late]
    print(f"over {LIMIT_MS:.0f} ms: {', '.join(said) or 'none'}")
    print(f"did not come about: {', '.join(undone) or 'none'}")
    return 1 if late or undone else 0


if __name__ == "__main__":
    sys.exit(main())
