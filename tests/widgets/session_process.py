"""A process of its own with the real window: do some work on a case and save it, or open a session; tell the state.

Run as ``python session_process.py work|open SESSION SCAN BUNDLE [PRIOR]``; prints the state as one line of JSON, then waits
to be killed. Without a display, Qt draws off screen.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import msgspec
import numpy as np
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.beside.comparison import Way
from fusion3d_gui.state.kept.kept_document import session_of
from fusion3d_gui.state.kept.work_folder import kept_work_folder
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.window.main_window import MainWindow


def wait_until(done) -> None:
    end = time.monotonic() + 60
    while not done():
        QApplication.processEvents()
        time.sleep(0.005)
        assert time.monotonic() < end, "it takes too long"


def state_of(session: Session) -> dict:
    """Everything that a session must bring back, arrays as hashes."""
    written = session_of(session.keeper.whole)
    plain = msgspec.to_builtins(written.document)
    plain.pop("saved")
    hashes = {
        name: f"{array.dtype}{array.shape}{hashlib.sha256(array.tobytes()).hexdigest()}"
        for name, array in written.arrays.items()
    }
    notes = {"left_mismatch": session.left.mismatch, "outdated": session.predictions.is_outdated}
    return {"document": plain, "arrays": hashes, **notes}


def align_prior(session: Session, prior: Path) -> None:
    session.second.open(prior)
    wait_until(lambda: session.second.case is not None)
    session.alignment.shift(np.array([1.5, -2.25, 0.125]))
    session.prior.predict()
    wait_until(lambda: session.prior.result is not None)
    session.comparison.choose(Way.CHECKERBOARD)
    volume = session.store.case.volume
    liver = Mask("liver", Volume(np.ones((3, 4, 5), np.uint8), volume.affine))
    session.masks.add_all((liver,))


def do_work(window: MainWindow, scan: Path, prior: Path | None) -> None:
    session = window.session
    session.opener.open(scan, metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    wait_until(lambda: session.predictions.heatmap is not None)
    wait_until(lambda: session.keeper.whole is not None and not session.store.inference.running)
    if prior is not None:
        align_prior(session, prior)
    marks = session.annotations
    marks.add_point(np.array([1.0, 2.0, 3.0]))
    marks.set_draft("rectangle", ((0, 0, 0), (8, 6, 0)), (1, 0, 0), (0, 1, 0))
    marks.keep_draft()
    marks.set_text(2, "left <b>hilum</b> ä")
    marks.remove(1)
    session.notes.set_reading("No lesion.\nSecond line with “quotes”.")
    session.notes.set_comment("The heat lies off the anatomy.")
    display = session.display
    display.window_level.set_window(Window(321, 123))
    display.window_level.invert()
    display.window_level.set_color_map("Viridis")
    display.overlay.set_threshold(0.6)
    display.overlay.set_color_map("Viridis")
    display.slab.set_thickness(12.5)
    display.slab.set_projection(Projection.MEAN)
    display.planes.turn(["Axial"], np.array([1.0, 0, 0]), 0.3, np.array([5.0, 1, 2]))
    display.crosshair.move_to(np.array([11.0, -7.0, 4.5]))
    window.views.set_layout(Layout.GRID)
    window.views.coronal.zoom_about(40, 50, 2.5)
    window.views.coronal.pan(12, -7)
    window.views.sagittal.set_orientation(window.views.sagittal.orientation.flipped())
    window.views.volume.turn(33, -12)
    display.volume_look.toggle_surface()
    display.volume_look.set_level(432.5)
    display.volume_look.cut_from(Side.LEFT)
    display.volume_look.set_depth(21.5)
    wait_until(lambda: not session.store.inference.running)


def main(deed: str, saved: Path, scan: Path, bundle: Path, prior: Path | None = None) -> None:
    app = QApplication([])
    apply_theme(app)
    session = Session([BundleInfo.read(bundle)], device="cpu", kept_folder=kept_work_folder())
    window = MainWindow(session)
    # Another size of the window: views are other sizes, too.
    window.resize(1100 if deed == "open" else 1280, 800)
    window.show()
    told = []
    session.store.noticed.connect(lambda notice: told.append(notice.text))
    if deed == "work":
        do_work(window, scan, prior)
        session.files.save(saved)
        wait_until(lambda: saved.exists() and not session.store.saving.running)
        end = time.monotonic() + 3  # what is kept on this computer is two seconds behind at most
        wait_until(lambda: time.monotonic() > end)
    else:
        session.open(saved)
        wait_until(lambda: session.keeper.whole is not None)
        wait_until(lambda: session.store.shown_prediction is not None or "other scan" in str(told))
        if session_of(session.keeper.whole).document.second is not None:
            wait_until(lambda: session.second.link == "registered")
            wait_until(lambda: session.prior.result is not None)
    print(json.dumps({**state_of(session), "told": told}), flush=True)
    while True:
        QApplication.processEvents()
        time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1], *map(Path, sys.argv[2:]))
