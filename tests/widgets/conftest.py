"""The real window on real small files and a real small model."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

import fusion3d_gui.widgets.charts.plot  # noqa: F401  charts are made at once, not after a thread's import
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

# Before Qt starts: no windows pop up, and none are needed.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture
def make_case(tmp_path: Path):
    """Write a small NIfTI file: 900 in the patient's left, front, upper eighth, noise about ``base`` elsewhere."""

    def make(name: str = "a", base: int = 200) -> Path:
        shape = (30, 34, 26)
        # Noise, as in any image: without it the values would number things, as in a mask.
        noise = np.random.default_rng(0).integers(-20, 21, shape)
        values = (base + noise).astype(np.int16)
        i, j, k = np.meshgrid(*map(np.arange, shape), indexing="ij")
        # NIfTI's axes: +i is to the right here, +j anterior, +k superior.
        values[(i < 15) & (j >= 17) & (k >= 13)] = 900
        values[0, 0, 0] = 0
        affine = np.diag([4.0, 4.0, 5.0, 1.0])
        affine[:3, 3] = (-58, -66, -62.5)
        path = tmp_path / f"{name}.nii.gz"
        nib.save(nib.Nifti1Image(values, affine), path)
        return path

    return make


@pytest.fixture
def window(qapp, make_bundle, tmp_path):
    """The main window, shown, with a PACS page that knows no node; ``window.session`` for short."""
    apply_theme(qapp)
    pacs = PacsPlaces.below(tmp_path)
    session = Session([BundleInfo.read(make_bundle())], device="cpu", pacs=pacs)
    made = MainWindow(session)
    made.show()
    yield made
    made.close()
    assert session.close()
    made.deleteLater()


@pytest.fixture
def settled(qtbot):
    """Wait until the window's session has nothing under way."""

    def wait(window: MainWindow) -> None:
        session = window.session
        qtbot.waitUntil(
            lambda: not session.store.loading.running and not session.store.inference.running,
            timeout=60_000,
        )
        QApplication.processEvents()

    return wait


@pytest.fixture
def opened(window, make_case, settled):
    """The window with a case open."""
    window.session.opener.open(make_case())
    settled(window)
    return window


@pytest.fixture
def turn_wheel():
    """Turn the wheel over a widget by so many eighths of a degree."""

    def turn(widget, amount: int, where: QPointF | None = None, ctrl: bool = False) -> None:
        at = QPointF(widget.rect().center()) if where is None else where
        modifier = Qt.KeyboardModifier
        event = QWheelEvent(
            at,
            widget.mapToGlobal(at),
            QPoint(),
            QPoint(0, amount),
            Qt.MouseButton.NoButton,
            modifier.ControlModifier if ctrl else modifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    return turn
