"""The camera: millimetres to pixels and back, whatever zoom, pan and size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusion3d_gui.imaging.plane import Rect
from fusion3d_gui.state.display.camera import Camera

small = st.floats(-200, 200)


def camera() -> Camera:
    made = Camera()
    made.resize(600, 400)
    made.show(Rect(-100, -150, 200, 300))
    return made


def test_a_new_plane_is_fitted_and_centred():
    made = camera()
    left, top = made.to_px(-100, -150)
    right, bottom = made.to_px(100, 150)
    assert right - left == pytest.approx(200 / 300 * (bottom - top))  # true proportions
    assert (left + right) / 2 == pytest.approx(300)
    assert 0 < top < bottom < 400


@given(small, small, st.floats(0.3, 5), small, small)
def test_pixels_and_millimetres_are_inverse_after_any_zoom_and_pan(u, v, factor, right, down):
    made = camera()
    made.zoom_about(100, 300, factor)
    made.pan(right, down)
    assert made.to_mm(*made.to_px(u, v)) == pytest.approx((u, v), abs=1e-6)


@given(st.floats(1.0, 5.0), st.floats(150, 450), st.floats(50, 350))
def test_zooming_keeps_the_point_under_the_pointer(factor, x, y):
    made = camera()
    before = made.to_mm(x, y)
    made.zoom_about(x, y, factor)
    assert made.to_mm(x, y) == pytest.approx(before, abs=1e-6)


def test_a_fitted_view_follows_its_size_and_a_zoomed_one_keeps_its_enlargement():
    made = camera()
    made.resize(1200, 800)
    assert made.is_fitted
    assert made.zoom == pytest.approx(1)
    made.zoom_about(600, 400, 2.0)
    center = made.to_mm(600, 400)
    made.resize(600, 400)
    assert made.zoom == pytest.approx(2)
    assert made.to_mm(300, 200) == pytest.approx(center)


def test_the_picture_cannot_be_lost_off_the_edge():
    made = camera()
    made.pan(1e6, -1e6)
    u, v = made.to_mm(300, 200)
    assert -100 <= u <= 100
    assert -150 <= v <= 150


def test_fit_brings_everything_back():
    made = camera()
    made.zoom_about(10, 10, 30)
    made.pan(500, 500)
    made.fit()
    assert made.is_fitted
    assert made.to_mm(300, 200) == pytest.approx((0, 0))
