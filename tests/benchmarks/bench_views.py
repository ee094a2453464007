"""Paint times of the views, against pyqtgraph's ImageView in the same run: ``python tests/benchmarks/bench_views.py [--large]``.

A paint is timed from the wheel event until the event loop has painted everything that changed, off
screen, in a window of 1280 x 800. ``--large``: the wheel in a window of 3840 x 2160 with 1024 slices of 1024 x 1024 (2 GB),
against the same window painting a bare QImage, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import nibabel as nib
import numpy as np
from PySide6.QtCore import QPoint, QPointF, QSize, Qt, QTimer
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.paint_queue import PaintQueue
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.window.main_window import MainWindow

SHAPE_KJI, SPACING_MM, STEPS = (600, 512, 512), (0.7, 0.7, 0.7), 120
LARGE_KJI, LARGE_WINDOW = (1024, 1024, 1024), (3840, 2160)


def _write_scan(path: Path, shape: tuple[int, int, int]) -> None:
    chance = np.random.default_rng(0)
    k, j, i = np.ogrid[: shape[0], : shape[1], : shape[2]]
    noise = chance.normal(0, 25, (1, *shape[1:])).astype(np.float32)
    voxels = np.empty(shape, np.int16)
    for slab in range(0, shape[0], 50):
        rows = k[slab : slab + 50]
        voxels[slab : slab + 50] = 500 * np.sin(j / 40) * np.cos(i / 55 + rows / 30) + noise
    nib.save(nib.Nifti1Image(voxels.transpose(2, 1, 0), np.diag([*SPACING_MM, 1.0])), path)


def _heatmap(volume) -> Heatmap:
    low, high = volume.bounds_lps
    cells = np.array([16, 14, 18])
    affine = np.eye(4)
    affine[:3, :3] = np.diag((high - low) / cells)
    affine[:3, 3] = low + (high - low) / cells / 2
    values = np.random.default_rng(1).random(cells[::-1]).astype(np.float32)
    return Heatmap(values, affine, "gradcam", "layer3")


def _turn(widget: QWidget, amount: int = 120) -> None:
    at = QPointF(widget.rect().center())
    none = Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(
        at,
        widget.mapToGlobal(at),
        QPoint(),
        QPoint(0, amount),
        Qt.MouseButton.NoButton,
        none,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def _report(
    name: str, times: list[tuple[float, float]], target_ms: float | None = None
) -> tuple[float, float]:
    """Print wall and processor time; the medians of both. On a busy machine only the latter tells."""
    (p50, cpu50), (p99, cpu99) = np.percentile(times, (50, 99), axis=0) * 1e3
    target = "" if target_ms is None else f"   (target {target_ms} ms)"
    print(
        f"  {name:<42} p50 {p50:6.1f}  p99 {p99:6.1f} ms;   processor p50 {cpu50:6.1f}"
        f"  p99 {cpu99:6.1f} ms{target}",
        flush=True,
    )
    return float(p50), float(cpu50)


def _timed(
    act: Callable[[int], object], steps: int = STEPS, queue: PaintQueue | None = None
) -> list[tuple[float, float]]:
    for step in range(3):
        act(step)
        QApplication.processEvents()
    times = []
    for step in range(steps):
        start, cpu = time.perf_counter(), time.thread_time()
        act(step)
        QApplication.processEvents()
        while queue is not None and queue.is_busy:
            QApplication.processEvents()
        times.append((time.perf_counter() - start, time.thread_time() - cpu))
    return times


def _back_and_forth(view: QWidget) -> Callable[[int], None]:
    return lambda step: _turn(view, 120 if (step // 40) % 2 == 0 else -120)


class _Heartbeat:
    """The longest time that the event loop was away."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(0)

    def _beat(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, now - self._last)
        self._last = now

    def gap_ms(self) -> float:
        longest, self.longest = self.longest, 0.0
        return longest * 1e3


def _settle(view: SliceView) -> None:
    end = time.perf_counter() + 5.0
    while not view.is_settled and time.perf_counter() < end:
        QApplication.processEvents()


def _opening() -> None:
    code = """
import time; start = time.perf_counter()
import gc, sys
gc.disable()  # as the command does while it imports
from fusion3d_gui.app import *
gc.enable()
app = QApplication([]); apply_theme(app)
session = Session([]); window = MainWindow(session)
window.show(); app.processEvents()
print(time.perf_counter() - start, time.process_time(), "torch" in sys.modules)
session.close()
"""
    times = []
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        seconds, cpu, torch = done.stdout.split()
        times.append((float(seconds), float(cpu)))
    _report(f"the empty window (torch imported: {torch})", times[1:], 1000)


def _pyqtgraph(voxels: np.ndarray, size: QSize) -> list[tuple[float, float]]:
    """Its plane drawn into as many pixels as ours; it doesn't smooth, nor write anything on it."""
    import pyqtgraph

    pyqtgraph.setConfigOptions(imageAxisOrder="row-major")
    peer = pyqtgraph.ImageView()
    peer.ui.histogram.hide()
    peer.setImage(voxels, autoRange=True, autoLevels=False, levels=(-500, 500))
    peer.resize(size)
    peer.show()
    QApplication.processEvents()
    around = peer.size() - peer.getView().rect().size().toSize()
    peer.resize(size + around)
    QApplication.processEvents()
    peer.getView().setRange(peer.getImageItem().boundingRect(), padding=(1 / 0.96 - 1) / 2)
    times = _timed(lambda step: peer.setCurrentIndex(200 + step))
    peer.close()
    return times


class _BareImage(QWidget):
    """A window that paints one of two images of its size, and nothing else."""

    def __init__(self, size: QSize) -> None:
        super().__init__()
        self.resize(size)
        chance = np.random.default_rng(0)
        shape = (size.height(), size.width())
        self._pixels = [chance.integers(0, 2**32, shape, dtype=np.uint32) for _ in range(2)]
        self._number = 0

    def show_other(self, step: int) -> None:
        """Ask for the other image."""
        self._number = step % 2
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # Qt's name
        """Paint the present image."""
        height, width = self._pixels[0].shape
        image = QImage(self._pixels[self._number].data, width, height, QImage.Format.Format_RGB32)
        painter = QPainter(self)
        painter.drawImage(0, 0, image)
        painter.end()


def _large() -> None:
    """The wheel over a volume of 2 GB in a window of 3840 x 2160, and the memory that this takes."""
    app = QApplication([])
    apply_theme(app)
    gc.freeze()
    print(f"{LARGE_KJI} int16, off screen, {LARGE_WINDOW[0]}x{LARGE_WINDOW[1]}")
    session = Session([])
    window = MainWindow(session)
    window.resize(*LARGE_WINDOW)
    window.show()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.nii"
        # Another process: what writing takes is not this one's memory.
        made = multiprocessing.get_context("spawn").Process(
            target=_write_scan, args=(path, LARGE_KJI)
        )
        made.start()
        made.join()
        before, started = _peak_bytes(), time.perf_counter()
        session.opener.open(path)
        while session.store.loading.running or session.store.case is None:
            app.processEvents()
        print(f"  opened in {time.perf_counter() - started:.1f} s")
    volume = session.store.case.volume
    views = window.views.shown
    for with_heatmap in (False, True):
        for view in views:
            view.set_heatmap(_heatmap(volume) if with_heatmap else None)
            _settle(view)
        for view in views:
            name = (
                f"three planes{' with a heatmap' * with_heatmap}, {view.orientation.name.lower()}"
            )
            _report(name, _timed(_back_and_forth(view)), 16.7)
    window.views.toggle_maximised(views[0])
    app.processEvents()
    for with_heatmap in (True, False):
        views[0].set_heatmap(_heatmap(volume) if with_heatmap else None)
        _settle(views[0])
        name = f"one plane{' with a heatmap' * with_heatmap}"
        _report(name, _timed(_back_and_forth(views[0])), 16.7)
    bare = _BareImage(window.size())
    bare.show()
    _report("a bare QImage of the window's size", _timed(bare.show_other))
    used, most = _peak_bytes(), 1.3 * volume.voxels.nbytes + 300e6
    print(
        f"  peak memory {used / 1e6:.0f} MB (target {most / 1e6:.0f} MB), before opening"
        f" {before / 1e6:.0f} MB"
    )
    bare.close()
    window.close()
    session.close()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", action="store_true", help="2 GB in a window of 3840 x 2160")
    if parser.parse_args().large:
        _large()
        return
    app = QApplication([])
    apply_theme(app)
    print(f"{SHAPE_KJI} int16 with a heatmap, off screen, 1280x800")
    _opening()
    gc.freeze()  # as the program does
    session = Session([])
    window = MainWindow(session)
    window.show()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scan.nii"
        _write_scan(path, SHAPE_KJI)
        session.opener.open(path)
        while session.store.loading.running or session.store.case is None:
            app.processEvents()
    volume = session.store.case.volume
    views, display = window.views.shown, session.display
    for view in views:
        view.set_heatmap(_heatmap(volume))
    app.processEvents()
    beat = _Heartbeat()
    for view in views:
        name = view.orientation.name.lower()
        _report(f"three planes, wheel on {name}", _timed(_back_and_forth(view)), 16.7)
    middle = display.crosshair.position_lps
    around = [
        middle + 60 * np.array([np.sin(n / 9), np.cos(n / 7), np.sin(n / 5)]) for n in range(STEPS)
    ]
    _report(
        "three planes, crosshair dragged", _timed(lambda n: display.crosshair.move_to(around[n]))
    )
    level = display.window_level
    _report("three planes, window dragged", _timed(lambda n: level.drag(0.01, 0.003)))
    print(
        f"  longest gap of a heartbeat                   {beat.gap_ms():6.1f} ms   (target 50 ms)"
    )
    for projection in Projection:
        display.slab.set_projection(projection)
        display.slab.set_thickness(20.0)
        for view in views:
            name = f"slab 20 mm, {projection.value}, wheel on {view.orientation.name.lower()}"
            _report(name, _timed(_back_and_forth(view), 60), 33)
    display.slab.set_thickness(0.0)
    print(
        f"  longest gap of a heartbeat                   {beat.gap_ms():6.1f} ms   (target 50 ms)"
    )
    views[0].turn_others(0.35)
    views[1].turn_others(0.25)
    views[2].turn_others(0.15)
    queue = display.paint_queue
    for view in views:
        name = view.orientation.name.lower()
        _report(
            f"double oblique, wheel on {name}", _timed(_back_and_forth(view), queue=queue), 16.7
        )
    turned = _timed(lambda n: views[0].turn_others(0.01 if n < 60 else -0.01), queue=queue)
    _report("an arm dragged", turned)
    _settle(views[0])
    print(
        f"  longest gap of a heartbeat                   {beat.gap_ms():6.1f} ms   (target 50 ms)"
    )
    display.slab.set_thickness(20.0)
    _report("double oblique, slab 20 mm, wheel", _timed(_back_and_forth(views[0]), 60, queue))
    for view in views:
        _settle(view)
    print(
        f"  longest gap of a heartbeat                   {beat.gap_ms():6.1f} ms   (target 50 ms)"
    )
    display.slab.set_thickness(0.0)
    display.planes.straighten()
    window.views.set_layout(Layout.GRID)
    window.views.volume.set_heatmap(_heatmap(volume))
    while not window.views.is_settled:
        app.processEvents()
    print(
        f"  longest gap while 3D is prepared             {beat.gap_ms():6.1f} ms   (target 50 ms)"
    )
    _report("3D surface turned", _timed(lambda n: window.views.volume.turn(2.0, 0.3), 60))
    window.session.display.volume_look.toggle_surface()
    _report("3D projection turned", _timed(lambda n: window.views.volume.turn(2.0, 0.3), 60))
    look = window.session.display.volume_look
    for preset in [each for each in look.presets if each.transfer is not None]:
        look.apply(preset)
        while not window.views.volume.is_settled:
            QApplication.processEvents()
        turned = _timed(lambda n: window.views.volume.turn(2.0, 0.3), 60)
        _report(f"3D {preset.name.lower()} turned", turned)
    window.views.set_layout(Layout.LARGE_AND_TWO)
    for view in views:
        view.set_heatmap(None)
    window.views.toggle_maximised(views[0])
    for view in views[:1]:
        view.fit()
    ours = _report("one plane alone, without heatmap", _timed(_back_and_forth(views[0])))
    peer = _report("pyqtgraph ImageView, one plane", _pyqtgraph(volume.voxels, views[0].size()))
    print(
        f"  ratio to ImageView {peer[0] / ours[0]:.2f}, in processor time {peer[1] / ours[1]:.2f}"
    )
    window.close()
    session.close()


if __name__ == "__main__":
    main()
