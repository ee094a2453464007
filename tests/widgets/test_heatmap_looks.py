"""The heatmap's looks, its hot spots, and the histogram, as their user meets them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.inference.map_correction import MapCorrection
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.widgets.look.color_map import anatomy_colors, contour_levels
from fusion3d_gui.widgets.slice.slice_image import contour_image

LEFT = Qt.MouseButton.LeftButton


def two_peaks(volume) -> Heatmap:
    low, high = volume.bounds_lps
    affine = np.diag([*((high - low) / 6), 1.0])
    affine[:3, 3] = low + (high - low) / 12
    values = np.zeros((6, 6, 6), np.float32)
    values[4, 1, 4], values[1, 4, 1] = 2.0, 1.2
    return Heatmap(values, affine, "gradcam", "layer4")


def test_hot_spots_are_listed_and_stepped_through(opened, qtbot):
    spots, crosshair = opened.session.hot_spots, opened.session.display.crosshair
    heatmap = two_peaks(opened.session.store.case.volume)
    spots.set_heatmap(heatmap)
    rows = opened.side.overlay.spots
    assert [row.isVisibleTo(rows) for row in rows.rows[:3]] == [True, True, False]
    assert rows.rows[0].text().startswith("1   100 %")
    assert "60 %" in rows.rows[1].text()
    spots.next()
    assert np.allclose(crosshair.position_lps, heatmap.peak_lps)
    assert spots.side(spots.spots[0]) == "left"
    assert rows.rows[0].isChecked()
    spots.next()
    assert spots.current == 1
    assert spots.side(spots.spots[1]) == "right"
    spots.next()
    assert spots.current == 0
    spots.previous()
    assert spots.current == 1
    rows.rows[0].click()
    assert spots.current == 0
    opened.session.display.overlay.set_threshold(0.8)
    assert len(spots.spots) == 1
    spots.set_heatmap(None)
    assert not rows.isVisibleTo(opened.side.overlay)


def test_contours_run_where_the_map_crosses_its_levels():
    k = np.linspace(0, 255, 200).astype(np.uint8)
    levels = np.tile(k, (40, 1))
    shares = contour_levels(0.4)
    assert shares == pytest.approx((0.4, 0.6, 0.8))
    image = contour_image(levels, shares, np.arange(256, dtype=np.uint32) | 0xFF000000, 2)
    columns = [x for x in range(200) if image.pixel(x, 20) & 0xFF]
    for share in shares:
        assert min(abs(k[x] / 255 - share) for x in columns) < 0.02
    assert all(min(abs(k[x] / 255 - share) for share in shares) < 0.03 for x in columns)


def test_contours_colours_and_blinking_are_switched_beside_the_colour_bar(opened, qtbot):
    overlay, controls = opened.session.display.overlay, opened.side.overlay
    for button in (controls.contours, controls.blink):
        button.setEnabled(True)
    qtbot.mouseClick(controls.contours, LEFT)
    assert overlay.contours
    qtbot.mouseClick(controls.blink, LEFT)
    assert overlay.blinking
    qtbot.waitUntil(lambda: not overlay.is_drawn, timeout=3000)
    assert overlay.visible
    qtbot.mouseClick(controls.blink, LEFT)
    assert overlay.is_drawn
    controls.colors.activated.emit(1)
    assert overlay.color_map == "Viridis"


def test_the_blink_key_takes_the_map_off_the_image_and_brings_it_back_until_it_is_pressed_again(
    opened, settled, qtbot
):
    session = opened.session
    session.predictions.predict()
    settled(opened)
    view, overlay = opened.views.axial, session.display.overlay
    view.set_heatmap(two_peaks(session.store.case.volume))
    session.display.crosshair.move_to(two_peaks(session.store.case.volume).peak_lps)
    middle = QRect(view.width() // 4, view.height() // 4, view.width() // 2, view.height() // 2)

    def picture() -> QImage:
        view.grab()
        qtbot.waitUntil(lambda: view.is_settled)
        return view.grab(middle).toImage()

    shown = picture()
    overlay.toggle()
    plain = picture()
    overlay.toggle()
    assert shown != plain
    view.setFocus()
    qtbot.keyClick(view, Qt.Key.Key_H, Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: not overlay.is_drawn, timeout=3000)
    assert picture() == plain
    assert view._heat_scale is not None  # what its colours mean stays
    qtbot.waitUntil(lambda: overlay.is_drawn, timeout=3000)
    assert picture() == shown
    qtbot.keyClick(view, Qt.Key.Key_H, Qt.KeyboardModifier.ShiftModifier)
    assert not overlay.blinking
    assert picture() == shown


def test_anatomy_maps_run_from_black_to_white_and_are_inverted_on_demand():
    assert hex(anatomy_colors("Gray", False)[255]) == "0xffffffff"
    assert hex(anatomy_colors("Gray", True)[255]) == "0xff000000"
    hot = anatomy_colors("Hot iron", False)
    assert hex(hot[128]) == "0xffff0000"
    assert hex(hot[255]) == "0xfffffefc"


def test_the_histograms_ends_move_the_window_and_its_middle_moves_both(opened, qtbot):
    opened.resize(1280, 800)
    bar, level = opened.header.window_controls.histogram, opened.session.display.window_level
    assert bar.isVisible()
    before = level.window
    left, right = bar.px_at(before.low), bar.px_at(before.high)
    y = bar.height() // 2

    def drag(start: float, end: float) -> None:
        clamp = lambda x: QPoint(round(min(max(x, 1), bar.width() - 2)), y)  # noqa: E731
        qtbot.mousePress(bar, LEFT, pos=clamp(start))
        qtbot.mouseMove(bar, clamp((start + end) / 2))
        qtbot.mouseMove(bar, clamp(end))
        qtbot.mouseRelease(bar, LEFT, pos=clamp(end))

    drag(right, right - 50)
    assert level.window.low == pytest.approx(before.low)
    assert level.window.high < before.high
    narrowed = level.window
    middle = (bar.px_at(narrowed.low) + bar.px_at(narrowed.high)) / 2
    drag(middle, middle + 12)
    assert level.window.width == pytest.approx(narrowed.width)
    assert level.window.center > narrowed.center
    assert left < right


def test_counts_are_numpys_histogram(opened):
    from fusion3d_gui.imaging.display.window import value_histogram

    volume = opened.session.store.case.volume
    counts, low, high = value_histogram(volume, 20)
    expected, _ = np.histogram(volume.voxels, bins=20, range=(low, high))
    assert np.array_equal(counts, expected)


def test_inverting_and_colouring_change_the_picture(opened):
    view, level = opened.views.axial, opened.session.display.window_level
    opened.session.display.crosshair.move_to(np.array([-40.0, 40.0, 20.0]))
    x, y = view.px_at(np.array([30.0, -40.0, 20.0])).toTuple()

    def pixel():
        return view.grab().toImage().pixelColor(round(x), round(y))

    assert pixel().lightness() > 200
    level.invert()
    assert pixel().lightness() < 60
    level.invert()
    level.set_color_map("Viridis")
    color = pixel()
    assert color.red() > 150
    assert color.blue() < 120


def test_the_image_itself_tells_what_the_heatmaps_colours_mean(opened):
    view, overlay = opened.views.axial, opened.session.display.overlay
    for each in opened.views.shown:
        each.set_heatmap(two_peaks(opened.session.store.case.volume))
    overlay.set_threshold(0.5)
    strip = [(14, y) for y in range(60, view.height() // 2)]

    def colors() -> set[str]:
        image = view.grab().toImage()
        return {image.pixelColor(x, y).name() for x, y in strip}

    shown = colors()
    peak, middle = ("#{:02x}{:02x}{:02x}".format(*heatmap_colors()[n]) for n in (255, 128))
    assert peak in shown
    assert any(_near(each, middle) for each in shown)
    assert not any(
        _near(each, "#{:02x}{:02x}{:02x}".format(*heatmap_colors()[60])) for each in shown
    )
    overlay.toggle()
    assert peak not in colors()


def _near(a: str, b: str) -> bool:
    return all(abs(int(a[n : n + 2], 16) - int(b[n : n + 2], 16)) <= 4 for n in (1, 3, 5))


def test_the_image_says_whether_the_heatmap_is_corrected(opened, qtbot):
    view, captions = opened.views.axial, opened.views.axial.picture.captions
    plain = two_peaks(opened.session.store.case.volume)
    moved = MapCorrection(np.array([3.0, 4.0, 0.0]), (), True)
    areas = []
    for correction in (None, moved, replace(moved, reasons=("it is empty",), applied=False)):
        view.set_heatmap(replace(plain, correction=correction))
        view.grab()
        areas.append(captions.areas)
    # One text more, and a longer one for "does not point for this model".
    assert len(areas[1]) == len(areas[2]) == len(areas[0]) + 1
    (one,), (other,) = (set(each) - set(areas[0]) for each in areas[1:])
    assert other[2] - other[0] > one[2] - one[0]
    assert moved.text == "corrected by 5 mm"
    assert "3 mm left, 4 mm posterior" in moved.sentence
