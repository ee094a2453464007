"""A slice view under mouse, wheel and keys; and what its pixels show where."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.widgets.look import theme

LEFT, RIGHT, MIDDLE = (
    Qt.MouseButton.LeftButton,
    Qt.MouseButton.RightButton,
    Qt.MouseButton.MiddleButton,
)


def drag(qtbot, view, button, start: QPoint, by: QPoint, modifier=None) -> None:
    modifier = modifier or Qt.KeyboardModifier.NoModifier
    qtbot.mousePress(view, button, modifier, start)
    qtbot.mouseMove(view, start + by / 2)
    qtbot.mouseMove(view, start + by)
    qtbot.mouseRelease(view, button, modifier, start + by)


def crosshair(window) -> np.ndarray:
    return window.session.display.crosshair.position_lps


def gray_at(view, u_mm: float, v_mm: float) -> int:
    """Gray level on screen at a place in screen millimetres."""
    x, y = view.camera.to_px(u_mm, v_mm)
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    ratio = image.devicePixelRatio()
    return QColor(image.pixel(round(x * ratio), round(y * ratio))).lightness()


def test_the_patients_left_front_top_is_on_screen_where_radiologists_expect_it(opened):
    views = opened.views
    # Away from crosshair and letters, well inside each quadrant (mm).
    quadrants = {
        views.axial: {(30, -40): 255, (-30, -40): 57, (30, 40): 57, (-30, 40): 57},
        views.coronal: {(30, -30): 255, (-30, -30): 57, (30, 30): 57, (-30, 30): 57},
        views.sagittal: {(-40, -30): 255, (40, -30): 57, (-40, 30): 57, (40, 30): 57},
    }
    opened.session.display.crosshair.move_to(np.array([20.0, -20.0, 20.0]))
    opened.session.display.window_level.set_window(Window.between(0, 900))
    for view, expected in quadrants.items():
        for (u, v), level in expected.items():
            # The dark parts have noise of up to 20 of 900, 6 of 255.
            assert gray_at(view, u, v) == pytest.approx(level, abs=6), (view.orientation.name, u, v)


def test_a_click_puts_the_crosshair_at_that_patient_position_in_all_views(opened, qtbot):
    view = opened.views.coronal
    depth = crosshair(opened)[1]
    x, y = view.camera.to_px(22.0, -31.0)
    qtbot.mouseClick(view, LEFT, pos=QPoint(round(x), round(y)))
    lps = crosshair(opened)
    assert lps[0] == pytest.approx(22.0, abs=1 / view.camera.scale)
    assert lps[2] == pytest.approx(31.0, abs=1 / view.camera.scale)
    assert lps[1] == pytest.approx(depth, abs=2.0)  # stays on its slice
    axial_depth = opened.views.axial.shown_slice.depth_mm
    assert abs(axial_depth - lps[2]) <= 2.5  # half a voxel: the slice that holds it


def test_dragging_moves_the_crosshair_along_and_never_out_of_the_volume(opened, qtbot):
    view = opened.views.axial
    drag(qtbot, view, LEFT, view.rect().center(), QPoint(5000, -5000))
    low, high = opened.session.store.case.volume.bounds_lps
    assert crosshair(opened)[0] == pytest.approx(high[0])
    assert crosshair(opened)[1] == pytest.approx(low[1])
    assert opened.views.sagittal.shown_slice is not None


@pytest.mark.parametrize(
    ("name", "axis", "sign"), [("axial", 2, 1), ("coronal", 1, -1), ("sagittal", 0, 1)]
)
def test_one_turn_of_the_wheel_is_one_slice_up_forward_or_left(
    opened, turn_wheel, name, axis, sign
):
    view = getattr(opened.views, name)
    step = (4.0, 4.0, 5.0)[axis]
    before = crosshair(opened)
    turn_wheel(view, 120)
    assert crosshair(opened)[axis] - before[axis] == pytest.approx(sign * step)
    turn_wheel(view, -240)
    assert crosshair(opened)[axis] - before[axis] == pytest.approx(-sign * step)


def test_small_steps_of_a_touch_pad_add_up_to_a_slice(opened, turn_wheel):
    before = crosshair(opened)[2]
    for _ in range(7):
        turn_wheel(opened.views.axial, 15)
    assert crosshair(opened)[2] == before
    turn_wheel(opened.views.axial, 15)
    assert crosshair(opened)[2] == pytest.approx(before + 5.0)


def test_ctrl_and_wheel_zoom_about_the_pointer(opened, turn_wheel):
    view = opened.views.axial
    at = QPointF(100, 150)
    before, scale = view.lps_at(at), view.camera.scale
    turn_wheel(view, 240, at, ctrl=True)
    assert view.camera.scale > 1.2 * scale
    assert np.allclose(view.lps_at(at), before)
    opened.views.fit()
    assert view.camera.scale == pytest.approx(scale)


@pytest.mark.parametrize(
    ("button", "modifier"),
    [(MIDDLE, Qt.KeyboardModifier.NoModifier), (LEFT, Qt.KeyboardModifier.ShiftModifier)],
)
def test_middle_and_shift_drag_pan_and_leave_the_crosshair_alone(opened, qtbot, button, modifier):
    view, before = opened.views.axial, crosshair(opened)
    center = view.rect().center()
    held = view.lps_at(QPointF(center))
    drag(qtbot, view, button, center, QPoint(40, -24), modifier)
    assert np.allclose(view.lps_at(QPointF(center + QPoint(40, -24))), held)
    assert np.array_equal(crosshair(opened), before)


def test_a_right_drag_widens_to_the_right_and_brightens_downwards(opened, qtbot):
    view = opened.views.sagittal
    level = opened.session.display.window_level
    before = level.window
    drag(qtbot, view, RIGHT, view.rect().center(), QPoint(60, 40))
    assert level.window.width > before.width
    assert level.window.center < before.center
    assert level.preset is None
    assert opened.header.window_controls.presets.currentText() == "Custom"


def test_a_double_click_shows_one_view_alone_and_the_next_one_all_again(opened, qtbot):
    view, before = opened.views.coronal, crosshair(opened)
    where = view.rect().center() + QPoint(30, 20)
    qtbot.mouseClick(view, LEFT, pos=where)
    qtbot.mouseDClick(view, LEFT, pos=where)
    assert opened.views.shown == (view,)
    assert np.array_equal(crosshair(opened), before)
    qtbot.mouseDClick(view, LEFT, pos=where)
    assert len(opened.views.shown) == 3


def test_arrow_and_page_keys_turn_slices(opened, qtbot):
    view, before = opened.views.axial, crosshair(opened)[2]
    qtbot.keyClick(view, Qt.Key.Key_Up)
    assert crosshair(opened)[2] == pytest.approx(before + 5)
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert crosshair(opened)[2] == pytest.approx(before + 5 - 50)


def test_a_plane_is_drawn_in_true_proportions(opened):
    for view in opened.views.shown:
        rect = view.shown_slice.rect
        left, top = view.camera.to_px(rect.left, rect.top)
        right, bottom = view.camera.to_px(rect.left + rect.width, rect.top + rect.height)
        assert (right - left) / (bottom - top) == pytest.approx(rect.width / rect.height)


def test_the_status_line_tells_value_and_position_under_the_pointer(opened, qtbot):
    view = opened.views.axial
    opened.session.display.crosshair.move_to(np.array([0.0, 0.0, 42.5]))
    x, y = view.camera.to_px(30.0, -40.0)
    qtbot.mouseMove(view, QPoint(round(x), round(y)))
    assert opened.status.value.text() == "900"
    text = opened.status.position.text()
    assert text.startswith("L ")
    assert "A " in text
    assert "S 42.5 mm" in text
    x, y = view.camera.to_px(0.0, 300.0)
    opened.status.show_hovered(view.lps_at(QPointF(x, y)))
    assert opened.status.value.text() == "outside"


def test_the_status_line_follows_slices_that_turn_under_a_resting_pointer(opened, qtbot):
    view = opened.views.axial
    opened.status.show_hovered(None)
    qtbot.mouseMove(view, view.rect().center())
    before = opened.status.position.text()
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_Up)
    after = opened.status.position.text()
    assert before.split("   ")[:2] == after.split("   ")[:2]
    assert before != after
    depth = view.shown_slice.depth_mm
    assert after.endswith(f"{'S' if depth >= 0 else 'I'} {abs(depth):.1f} mm")


def test_nothing_is_left_of_what_was_shown_before_the_picture_moved(opened):
    view = opened.views.axial
    view.grab()
    for factor, right, down in ((0.6, 13.3, -7.7), (0.5, -90.2, 60.4), (6.0, 31.7, 200.3)):
        view.zoom_about(100.3, 80.7, factor)
        view.pan(right, down)
        moved = view.grab().toImage()
        size = view.size()
        view.resize(size.width() + 40, size.height())  # painted on other memory
        view.grab()
        view.resize(size)
        assert view.grab().toImage() == moved


def test_a_picture_shown_again_has_its_texts_where_they_were(opened):
    view, cine = opened.views.axial, opened.session.display.cine
    view.grab()
    view.grab()  # kept from its second time on
    before = list(view.picture.captions.areas)
    cine.run(view, lambda: None)
    view.grab()
    assert view.picture.captions.areas != before
    cine.stop()
    view.grab()
    assert view.picture.captions.areas == before


def test_no_view_shows_the_case_before_beside_the_new_ones_name(opened, make_case, settled, qtbot):
    axial, session, seen = opened.views.axial, opened.session, []

    def colors() -> set[int]:
        image = axial.grab().toImage()
        return {image.pixel(x, image.height() // 2) for x in range(2, image.width() - 2)}

    assert len(colors()) > 1
    session.store.case_changed.connect(lambda: seen.append(colors()))
    session.opener.open(make_case("b", base=600))
    settled(opened)
    assert seen
    assert seen[0] == {QColor(theme.IMAGE).rgb()}
    qtbot.waitUntil(lambda: axial.is_settled)
    assert len(colors()) > 1
