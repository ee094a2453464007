"""The bar under the 3D view: preset, level and cut, by mouse and keys, and what the view then says and shows."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.state.display.volume_look import VolumeLook
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.volume.look_bar import LookBar
from tests.widgets.test_menus_and_undo import entry, menu_under

RIGHT, NONE = Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def in_3d(opened, qtbot):
    """The window with 3D on screen and ready."""
    opened.views.set_layout(Layout.GRID)
    qtbot.waitUntil(lambda: opened.views.volume.is_settled, timeout=10_000)
    QApplication.processEvents()
    return opened


def pixels(window) -> np.ndarray:
    image = window.views.volume.grab().toImage()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[40:-40, 40:-40, :3].astype(int)


def look_of(window) -> tuple[VolumeLook, LookBar]:
    return window.session.display.volume_look, window.findChild(LookBar)


def test_the_level_is_dragged_said_and_seen(in_3d) -> None:
    look, bar = look_of(in_3d)
    before = pixels(in_3d)  # the bright eighth
    low, high = look.range
    bar.surface_level.setFocus()
    QTest.keyClick(bar.surface_level, Qt.Key.Key_Home)
    QTest.keyClick(bar.surface_level, Qt.Key.Key_Right)
    level = look.level_under(in_3d.session.display.window_level.window)
    assert look.has_level
    assert level == pytest.approx(low + 0.01 * (high - low))
    volume = in_3d.session.store.case.volume
    view = in_3d.views.volume
    assert view._caption_texts(volume).slice_count == f"surface at {level:.4g}"
    assert pixels(in_3d).sum() > 2 * before.sum()  # the whole block
    assert bar.presets.currentText() == "Custom"


def test_a_cut_is_chosen_moved_and_said(in_3d) -> None:
    look, bar = look_of(in_3d)
    view, volume = in_3d.views.volume, in_3d.session.store.case.volume
    look.set_level(look.range[0])
    whole = pixels(in_3d)
    assert not bar.cut_depth.isEnabled()
    bar.sides.setFocus()
    for _ in range(3):  # front, back, left
        QTest.keyClick(bar.sides, Qt.Key.Key_Down)
    bar.sides.activated.emit(bar.sides.currentIndex())
    assert look.cut is Side.LEFT
    assert bar.cut_depth.isEnabled()
    half = pixels(in_3d)
    assert np.abs(half - whole).mean() > 1
    bar.cut_depth.setValue(1000)
    assert look.depth_mm == pytest.approx(look.deepest_mm)
    assert pixels(in_3d).sum() < half.sum() / 4
    text = view._caption_texts(volume).position
    assert text.endswith(f"cut {look.depth_mm:.0f} mm from the left")
    in_3d.menus.actions["cut_nothing"].trigger()
    assert "cut" not in view._caption_texts(volume).position
    np.testing.assert_array_equal(pixels(in_3d), whole)


def test_the_menus_offer_what_the_bar_offers(in_3d) -> None:
    look, bar = look_of(in_3d)
    view, actions = in_3d.views.volume, in_3d.menus.actions
    shown = [
        actions[f"volume_preset_{number}"].text()
        for number in range(1, 7)
        if actions[f"volume_preset_{number}"].isVisible()
    ]
    assert shown == [bar.presets.itemText(n) for n in range(bar.presets.count())]
    actions["volume_preset_2"].trigger()
    assert look.cut is Side.FRONT
    assert actions["volume_preset_2"].isChecked()
    assert actions["cut_front"].isChecked()
    deep = look.depth_mm
    actions["cut_deeper"].trigger()
    assert look.depth_mm == deep + 5
    QTest.mouseClick(view, RIGHT, NONE, view.rect().center())
    menu = menu_under(view)
    entry(entry(menu, "Cut").menu(), "From the top").trigger()
    assert look.cut is Side.TOP
    entry(entry(menu, "Show").menu(), "MIP").trigger()
    menu.close()
    assert not look.is_surface
    assert not bar.surface_level.isEnabled()
    assert not actions["level_raise"].isEnabled()
    actions["surface"].trigger()
    before = look.level_under(in_3d.session.display.window_level.window)
    actions["level_raise"].trigger()
    assert look.level_under(in_3d.session.display.window_level.window) > before
    in_3d.menus.actions["reset_display"].trigger()
    assert not look.has_level
    assert look.cut is None


def test_another_patient_is_seen_whole_at_the_usual_level(in_3d, make_case, settled) -> None:
    look, bar = look_of(in_3d)
    look.set_level(500.0)
    look.cut_from(Side.BACK)
    in_3d.session.opener.open(make_case("b", 300))
    settled(in_3d)
    assert not look.has_level
    assert look.cut is None
    assert bar.sides.currentData() is None
    assert bar.presets.currentText() == "Surface"
