"""The wheel over controls scrolls what is around them; display settings can be reset."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QScrollBar,
    QTabBar,
    QWidget,
)

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import THIN, Projection
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser


def controls(root: QWidget) -> list[QWidget]:
    kinds = (QAbstractSlider, QAbstractSpinBox, QComboBox, QTabBar)
    found = [each for kind in kinds for each in root.findChildren(kind)]
    return [each for each in found if not isinstance(each, QScrollBar)]


def value(control: QWidget) -> object:
    if isinstance(control, QAbstractSlider | QAbstractSpinBox):
        return control.property("value")
    return control.property("currentIndex")


@pytest.fixture
def predicted(opened, settled):
    opened.session.predictions.predict()
    settled(opened)
    return opened


def test_the_wheel_changes_no_control_in_passing(predicted, turn_wheel):
    predicted.views.axial.setFocus()
    found = controls(predicted)
    assert len(found) > 6
    before = [value(each) for each in found]
    for control in found:
        for turn in (-120, 120, 120):
            turn_wheel(control, turn)
        assert not control.hasFocus()
    assert [value(each) for each in found] == before


def test_the_wheel_over_the_threshold_scrolls_the_panel(predicted, qtbot):
    """As the window system reports it, to the window: it might give the focus to what it is over."""
    predicted.resize(predicted.width(), predicted.minimumHeight())
    slider = predicted.side.overlay.threshold.slider
    predicted.side.ensureWidgetVisible(slider)
    bar = predicted.side.verticalScrollBar()
    assert bar.maximum() > 0
    QApplication.processEvents()
    scrolled, threshold = bar.value(), slider.value()
    at = slider.mapTo(predicted, slider.rect().center())
    direction = 120 if scrolled else -120
    QTest.wheelEvent(
        predicted.windowHandle(),
        at.toPointF(),
        QPoint(0, direction),
        QPoint(),
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.processEvents()
    assert slider.value() == threshold
    assert bar.value() != scrolled


def test_the_wheel_changes_a_control_that_has_the_focus(predicted, turn_wheel):
    slider = predicted.side.overlay.threshold.slider
    slider.setFocus()
    before = slider.value()
    turn_wheel(slider, 120)
    assert slider.value() > before
    assert predicted.session.display.overlay.threshold == slider.value() / 100


def test_the_wheel_changes_no_file_in_the_tag_browser(window, tmp_path, turn_wheel, settled):
    volume = Volume(np.arange(9 * 480, dtype=np.int16).reshape(9, 24, 20), np.eye(4), modality="MR")
    write_dicom_series(volume, tmp_path / "s", attributes={}, uid_seed="s")
    window.session.opener.open(tmp_path / "s")
    settled(window)
    window.menus.actions["tags"].trigger()
    (browser,) = window.findChildren(TagBrowser)
    before = browser.file.value()
    browser.line.setFocus()
    turn_wheel(browser.file, 120)
    assert browser.file.value() == before
    browser.close()


def test_display_settings_can_be_reset(predicted):
    display = predicted.session.display
    overlay, level = display.overlay, display.window_level

    def settings() -> tuple:
        return (
            (overlay.visible, overlay.opacity, overlay.threshold, overlay.contours),
            (overlay.color_map, overlay.blinking, overlay.kept_top),
            (level.window, level.inverted, level.color_map),
            (display.slab.slab, display.smoothing.interpolation),
        )

    usual = settings()
    place = display.crosshair.position_lps.copy()
    display.crosshair.move_to(place + 5)
    moved = display.crosshair.position_lps.copy()
    overlay.toggle()
    overlay.set_opacity(0.9)
    overlay.set_threshold(0.0)
    overlay.toggle_contours()
    overlay.toggle_blinking()
    overlay.set_color_map("Viridis")
    overlay.keep_scale(0.25)
    level.drag(0.5, 0.5)
    level.invert()
    level.set_color_map("Viridis")
    display.slab.set_thickness(20.0)
    display.slab.set_projection(Projection.MEAN)
    display.smoothing.set_interpolation(Interpolation.CUBIC)
    assert all(now != before for now, before in zip(settings(), usual, strict=True))
    predicted.menus.actions["reset_display"].trigger()
    assert settings() == usual
    assert display.slab.slab == THIN
    assert predicted.side.overlay.threshold.slider.value() == 35
    assert (display.crosshair.position_lps == moved).all()
