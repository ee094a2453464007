"""Paint times of the views, against pyqtgraph's ImageView in the same run: ``python tests/benchmarks/bench_views.py``.

A paint is timed from the wheel event until the event loop has painted everything that changed, off
screen, in a window of 1280 x 800.
"""

from __future__ import annotations

import gc
import os
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
from PySide6.QtGui import QWheelEvent
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


def _write_scan(path: Path) -> None:
    chance = np.random.default_rng(0)
    k, j, i = np.ogrid[: SHAPE_KJI[0], : SHAPE_KJI[1], : SHAPE_KJI[2]]
    noise = chance.normal(0, 25, (1, *SHAPE_KJI[1:])).astype(np.float32)
    voxels = np.empty(SHAPE_KJI, np.int16)
    for slab in range(0, SHAPE_KJI[0], 50):
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
import sys
from fusion3d_gui.app import *
from fusion3d_gui import app as app_module
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


def main() -> None:
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
        _write_scan(path)
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
