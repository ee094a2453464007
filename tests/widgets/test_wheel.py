"""The wheel as the window system reports it: to the window, which finds what lies under the pointer."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

CTRL, SHIFT, NONE = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.NoModifier,
)


@pytest.fixture
def turn(opened):
    """Turn the wheel by so many eighths of a degree, up and sideways, over a place of a widget."""

    def do(widget, where: QPoint, up: int, modifier=NONE, sideways: int = 0) -> None:
        at = QPointF(widget.mapTo(opened, where))
        QTest.wheelEvent(opened.windowHandle(), at, QPoint(sideways, up), QPoint(0, 0), modifier)
        QApplication.processEvents()

    return do


def state(window) -> tuple:
    """Where the crosshair is, the window, and how far the axial view is zoomed."""
    display = window.session.display
    level = display.window_level.window
    place = tuple(np.round(display.crosshair.position_lps, 6))
    return place, (level.center, level.width), window.views.axial.camera.scale


def test_it_turns_the_slices_of_the_view_under_the_pointer(opened, turn):
    for view, axis, step in (
        (opened.views.axial, 2, 5.0),
        (opened.views.coronal, 1, -4.0),
        (opened.views.sagittal, 0, 4.0),
    ):
        (before, *others), place = state(opened), view.rect().center()
        turn(view, place, 120)
        after, *same = state(opened)
        assert after[axis] - before[axis] == pytest.approx(step)
        assert same == others
        turn(view, place, -120)
        assert state(opened)[0] == pytest.approx(before)


def test_with_ctrl_it_zooms_about_the_pointer_and_turns_no_slice(opened, turn):
    view, where = opened.views.axial, QPoint(100, 150)
    before, held = state(opened), view.lps_at(QPointF(where))
    turn(view, where, 120, CTRL)
    place, window, scale = state(opened)
    assert (place, window) == before[:2]
    assert scale > 1.05 * before[2]
    assert np.allclose(view.lps_at(QPointF(where)), held)
    turn(view, where, -120, CTRL)
    assert state(opened)[2] == pytest.approx(before[2])


@pytest.mark.parametrize(("up", "sideways"), [(120, 0), (0, 120)])
def test_with_shift_it_widens_the_window_and_nothing_else(opened, turn, up, sideways):
    """Some systems report a turn with shift as one to the side."""
    view = opened.views.coronal
    place, (center, width), scale = state(opened)
    turn(view, view.rect().center(), up, SHIFT, sideways)
    after, (new_center, new_width), new_scale = state(opened)
    assert (after, new_scale) == (place, scale)
    assert new_center == pytest.approx(center)
    assert new_width > 1.01 * width
    turn(view, view.rect().center(), -up, SHIFT, -sideways)
    assert state(opened)[1] == pytest.approx((center, width))


def test_over_the_form_it_changes_neither_slices_nor_window_nor_what_is_filled_in(opened, turn):
    before, filled = state(opened), dict(opened.session.form.values)
    for place in (QPoint(150, 200), QPoint(150, 250), QPoint(150, 290)):
        for modifier in (NONE, CTRL, SHIFT):
            turn(opened.side, place, -120, modifier)
    assert state(opened) == before
    assert dict(opened.session.form.values) == filled
