"""The strip of buttons beside the images: its menus, and its room in a small window with large text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.views.layout import Layout

LEFT = Qt.MouseButton.LeftButton


def choose(window, button: str, command: str) -> None:
    """Open the menu of a button by the mouse, and choose a command in it by the mouse."""
    QTest.mouseClick(window.strip.buttons[button], LEFT)
    menu = QApplication.activePopupWidget()
    assert menu is window.strip.buttons[button].menu
    assert window.strip.buttons[button].is_on
    at = menu.actionGeometry(window.menus.actions[command]).center()
    QTest.mouseMove(menu, at)
    QTest.mouseClick(menu, LEFT, pos=at)
    assert not window.strip.buttons[button].is_on


def test_layouts_and_slabs_are_two_clicks_away(opened) -> None:
    choose(opened, "layout", "layout_grid")
    assert opened.views.layout_name is Layout.GRID
    choose(opened, "layout", "alone_coronal")
    assert [view.orientation.name for view in opened.views.shown] == ["Coronal"]
    slab = opened.session.display.slab
    choose(opened, "slab", "thicker")
    assert slab.slab.thickness_mm == 5.0
    choose(opened, "slab", "slab_mean")
    assert slab.slab.projection is Projection.MEAN


@pytest.mark.parametrize("scale", [1.0, theme.SCALES[-1]])
def test_every_button_is_on_screen_in_the_smallest_window(opened, qtbot, scale) -> None:
    opened.settings.change(replace(opened.settings.values, text_scale=scale))
    opened.resize(opened.minimumSize())
    qtbot.waitUntil(lambda: not opened.restyling.is_busy)
    QApplication.processEvents()
    assert (opened.width(), opened.height()) == (960, 600)
    buttons = list(opened.strip.buttons.values())
    for number, button in enumerate(buttons):
        assert button.width() >= 24
        assert opened.strip.rect().contains(button.geometry())
        assert not any(button.geometry().intersects(each.geometry()) for each in buttons[:number])
        assert opened.rect().contains(button.mapTo(opened, button.rect().bottomRight()))
