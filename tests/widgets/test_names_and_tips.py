"""What a screen reader hears and what a resting pointer is told, of every control in the window and its dialogs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QScrollBar,
    QWidget,
)

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.side.sanity_dialog import SanityDialog
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.share.share_dialog import ShareDialog

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)


@pytest.fixture
def predicted(window, settled, tmp_path):
    """The window with a DICOM series open, its prediction, and every panel."""
    voxels = np.random.default_rng(0).integers(0, 900, (26, 34, 30)).astype(np.int16)
    volume = Volume(voxels, np.diag([4.0, 4.0, 5.0, 1.0]), modality="MR", description="T1")
    write_dicom_series(volume, tmp_path / "scan", attributes={}, uid_seed="names")
    window.session.opener.open(tmp_path / "scan")
    settled(window)
    window.session.predictions.predict()
    settled(window)
    window.settings.toggle_panel("marks")
    return window


def controls(root: QWidget) -> Iterator[QWidget]:
    """Those on screen that take keys or clicks, without the parts that Qt makes them of."""
    for widget in root.findChildren(QWidget):
        own = isinstance(widget, CONTROLS) and not isinstance(widget, QScrollBar | QHeaderView)
        is_part = widget.objectName().startswith("qt_")
        if own and not is_part and widget.isVisibleTo(root):
            yield widget


def spoken(widget: QWidget) -> str:
    """Its name as assistive technology asks for it; a combo box says its value first on some systems."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return widget.accessibleName() or interface.text(QAccessible.Text.Name)


def tip(widget: QWidget) -> str:
    """What the pointer is told there: a widget without a tip leaves it to those that it lies in."""
    while not widget.toolTip() and not widget.isWindow():
        widget = widget.parentWidget()
    return widget.toolTip()


def test_all_that_takes_keys_or_clicks_in_the_window_has_a_name_and_every_control_a_tip(
    predicted, qtbot
):
    for page in (0, 1, 2, None):
        predicted.side.workbench.show_page(page)
        for widget in controls(predicted):
            assert spoken(widget), widget
            if not isinstance(widget, QAbstractItemView):
                assert tip(widget), f"{type(widget).__name__} {spoken(widget)}"
    session = predicted.session
    session.mask_drawing.begin(np.array([60.0, 60, 60]), np.array([0.0, 0, 1]), erase=False)
    session.mask_drawing.end()
    for tool in ("brush", "fill"):
        predicted.menus.actions[f"tool_{tool}"].trigger()
        assert predicted.side.masks.table.isVisibleTo(predicted)
        for widget in controls(predicted.side.masks):
            assert spoken(widget), widget
            assert isinstance(widget, QAbstractItemView) or tip(widget), spoken(widget)
    predicted.menus.actions["cases"].trigger()
    for widget in controls(predicted.cases):
        assert spoken(widget), widget
        assert isinstance(widget, QAbstractItemView) or tip(widget), spoken(widget)
    predicted.cases.back.click()
    for widget in predicted.findChildren(QWidget):
        takes_keys = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isVisibleTo(
            predicted
        )
        if takes_keys and not widget.objectName().startswith("qt_"):
            assert spoken(widget), widget


def test_every_control_of_every_dialog_has_a_name_and_tells_what_it_is_for(
    predicted, settled, qtbot
):
    predicted.session.explainer.check()
    settled(predicted)
    (checks,) = predicted.findChildren(SanityDialog)
    predicted.menus.actions["palette"].trigger()
    palette = predicted.findChildren(CommandPalette)[-1]
    predicted.menus.actions["tags"].trigger()
    tags = predicted.findChildren(TagBrowser)[-1]
    predicted.menus.actions["about"].trigger()
    about = QApplication.activeModalWidget()
    predicted.menus.actions["slab_mm"].trigger()
    slab = QApplication.activeModalWidget()
    predicted.menus.actions["share"].trigger()
    qtbot.waitUntil(lambda: bool(predicted.findChildren(ShareDialog)), timeout=30_000)
    (share,) = predicted.findChildren(ShareDialog)
    qtbot.waitUntil(lambda: bool(share.preview.pages), timeout=30_000)
    for dialog in (checks, palette, tags, about, slab, share):
        assert dialog.windowTitle()
        for widget in controls(dialog):
            assert spoken(widget), widget
    for widget in (tags.line, tags.file, checks.save, share.choose, *share.items.values()):
        assert tip(widget)
    for dialog in (checks, palette, tags, about, slab, share):
        dialog.close()
