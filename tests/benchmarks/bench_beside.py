"""Memory and speed with two scans: ``python tests/benchmarks/bench_beside.py [--small]``.

Opens two registered scans of 512 x 512 x 600 (16 bits) in the window of 1500 x 950, three planes each, and prints how much
memory the process grew against both volumes, and how long a wheel step took until all six views were painted: median
and 99th percentile, with the second scan straight and with it turned by a registration.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import psutil
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

SHAPE_KJI, STEPS = (600, 512, 512), 200


class Peak:
    """The largest resident size (bytes) of this process while it runs, sampled every 20 ms."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.bytes = self.now
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    @property
    def now(self) -> int:
        return self._process.memory_info().rss

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self.bytes = max(self.bytes, self.now)

    def end(self) -> int:
        self._ended.set()
        self._thread.join()
        return self.bytes


def _write(path: Path, shape: tuple[int, int, int], phase: float) -> None:
    rng = np.random.default_rng(int(phase * 10))
    k, j, i = np.ogrid[: shape[0], : shape[1], : shape[2]]
    voxels = np.empty(shape, np.int16)
    for start in range(0, shape[0], 50):
        rows = k[start : start + 50]
        wave = 500 * np.sin(j / 40 + phase) * np.cos(i / 55 + rows / 30)
        voxels[start : start + 50] = wave + rng.normal(0, 20, (1, *shape[1:]))
    write_nifti(Volume(voxels, np.diag([0.7, 0.7, 0.7, 1.0]), modality="CT"), path)


def _wait(done) -> None:
    while not done():
        QApplication.processEvents()
        time.sleep(0.005)


def _wheel_times(window: MainWindow) -> np.ndarray:
    """Milliseconds from a turn of the wheel until no view has anything left to paint."""
    queue = window.session.display.paint_queue
    other = window.session.second.display.paint_queue
    view = window.views.main
    taken = []
    for number in range(STEPS):
        at = QPointF(view.rect().center())
        amount = 120 if number % 80 < 40 else -120
        event = QWheelEvent(
            at,
            view.mapToGlobal(at),
            QPoint(),
            QPoint(0, amount),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        began = time.perf_counter()
        QApplication.sendEvent(view, event)
        QApplication.processEvents()
        while queue.is_busy or other.is_busy:
            QApplication.processEvents()
        taken.append(1000 * (time.perf_counter() - began))
    return np.array(taken[10:])


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="a quarter of the size along each axis"
    )
    options = parser.parse_args()
    shape = tuple(n // 4 for n in SHAPE_KJI) if options.small else SHAPE_KJI
    app = QApplication(sys.argv[:1])
    apply_theme(app)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.nii" for name in ("first", "second")]
        for number, path in enumerate(paths):
            _write(path, shape, 0.3 * number)
        session = Session([], device="cpu")
        window = MainWindow(session)
        window.resize(1500, 950)
        window.show()
        QApplication.processEvents()
        peak = Peak()
        before = peak.now
        session.open(paths[0])
        _wait(lambda: session.store.case is not None and session.store.case.is_complete)
        session.second.open(paths[1])
        _wait(lambda: session.second.case is not None)
        session.alignment.shift(np.array([1.4, 0.7, 2.1]))
        _wait(lambda: all(view.is_settled for view in window.second_views.views))
        straight = _wheel_times(window)
        session.alignment.turn(np.array([0.6, 0.0, 0.8]), 6.0, np.zeros(3))
        _wait(lambda: all(view.is_settled for view in window.second_views.views))
        turned = _wheel_times(window)
        grown = peak.end() - before
        both = 2 * int(np.prod(shape)) * 2
        limit = 2.2 * both + 300e6
        print(
            f"memory        grew by {grown / 1e6:,.0f} MB at most; both volumes {both / 1e6:,.0f} MB"
        )
        print(f"              limit 2.2 x both + 300 MB = {limit / 1e6:,.0f} MB: {grown <= limit}")
        for name, taken in (("straight", straight), ("turned", turned)):
            median, late = np.percentile(taken, (50, 99))
            print(f"wheel step    second scan {name}: median {median:.1f} ms, 99th {late:.1f} ms")
        began = peak.now
        again = Peak()
        clock = time.perf_counter()
        session.alignment.register()
        _wait(lambda: not session.alignment.is_registering)
        print(
            f"registering   {time.perf_counter() - clock:.1f} s with the check of the sides,"
            f" {(again.end() - began) / 1e6:,.0f} MB at most"
        )
        window.close()
        session.close()


if __name__ == "__main__":
    main()
