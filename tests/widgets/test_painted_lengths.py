"""Lengths as they are painted, measured on the picture: scale bar, distance mark, colour bar, gauge."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QColor, QImage, QPainter

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.widgets.controls.gauge import Gauge
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_bar import ColorBar
from fusion3d_gui.widgets.slice.captions import Captions


def rgb(image: QImage) -> np.ndarray:
    """Pixels as int [rows, columns, 3]."""
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., 2::-1].astype(int)


def is_color(pixels: np.ndarray, name: str, within: int = 30) -> np.ndarray:
    color = QColor(name)
    wanted = np.array([color.red(), color.green(), color.blue()])
    return (np.abs(pixels - wanted) <= within).all(axis=-1)


def longest_run(along: np.ndarray) -> tuple[int, int]:
    """First position and length of the longest run of True."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], along.astype(int), [0]])))
    starts, stops = ends[::2], ends[1::2]
    if not len(starts):
        return 0, 0
    best = int(np.argmax(stops - starts))
    return int(starts[best]), int(stops[best] - starts[best])


@pytest.mark.parametrize("zoom", [1.0, 1.37, 2.9])
def test_the_scale_bar_is_as_long_as_its_label_says(opened, zoom):
    view = opened.views.axial
    view.zoom_about(view.width() / 2, view.height() / 2, zoom)
    view.pan(5000, 0)  # the anatomy is elsewhere
    pixels = rgb(view.grab().toImage())
    lower_left = is_color(pixels, theme.ON_IMAGE)[-20:, : view.width() // 2]
    length_px = max(longest_run(row)[1] for row in lower_left)
    # The label is painted as a picture; its text is what the captions were asked to paint.
    labels = [item.text for item in view.picture.captions._drawn if item.side == (-1, 1)]
    (label,) = labels[-1:]
    length_mm = float(re.fullmatch(r"([\d.]+) mm", label)[1])
    assert length_px / view.camera.scale == pytest.approx(length_mm, abs=1.5 / view.camera.scale)
    # And the view itself agrees about millimetres.
    middle = QPointF(view.rect().center())
    apart = view.lps_at(middle + QPointF(length_px, 0)) - view.lps_at(middle)
    assert np.linalg.norm(apart) == pytest.approx(length_mm, abs=1.5 / view.camera.scale)


@pytest.mark.parametrize("ratio", [1.25, 1.5, 2.0])
def test_the_scale_bar_is_as_long_as_its_label_says_on_finer_screens(opened, ratio):
    view = opened.views.axial
    view.zoom_about(view.width() / 2, view.height() / 2, 1.7)
    area = QRectF(view.rect())
    image = QImage(view.size() * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(0)
    painter = QPainter(image)
    captions = Captions()
    captions.paint(painter, view._caption_texts(view.slicer), view.camera, area)
    painter.end()
    lower_left = is_color(rgb(image), theme.ON_IMAGE)[-round(20 * ratio) :, : image.width() // 2]
    length_px = max(longest_run(row)[1] for row in lower_left) / ratio
    (label,) = [each.text for each in captions._drawn if each.text.endswith(" mm")][-1:]
    assert length_px / view.camera.scale == pytest.approx(
        float(label.removesuffix(" mm")), abs=1.5 / view.camera.scale
    )


def test_the_numbers_of_the_colour_bar_stand_at_their_colours(qapp, qtbot):
    theme.apply_theme(qapp)
    bar = ColorBar()
    qtbot.addWidget(bar)
    bar.resize(QSize(401, bar.sizeHint().height()))
    bar.show_scale(0.25, "Viridis")
    pixels, table = rgb(bar.grab().toImage()), heatmap_colors("Viridis").astype(int)
    ticked = np.flatnonzero(is_color(pixels[11][None], theme.TEXT, 60)[0])
    assert ticked.mean() / 400 == pytest.approx(0.25, abs=0.005)
    # The colour at each share of the width is the map's, so "50 %" in the middle is true.
    for share in (0.3, 0.5, 0.75, 0.99):
        nearest = np.abs(table - pixels[5, round(400 * share)]).sum(axis=1).argmin()
        assert nearest / 255 == pytest.approx(share, abs=0.01)
    written = np.flatnonzero(is_color(pixels[14:], theme.MUTED, 40).any(axis=0))
    groups = np.split(written, np.flatnonzero(np.diff(written) > 20) + 1)
    assert len(groups) == 3
    assert (groups[1][0] + groups[1][-1]) / 2 / 400 == pytest.approx(0.5, abs=0.01)


def test_a_distance_is_painted_from_end_to_end_and_labelled_with_its_length(opened):
    view, marks = opened.views.axial, opened.session.annotations
    start, end = (-30.0, -20.0, 2.5), (30.0, -20.0, 2.5)
    opened.session.display.crosshair.move_to(np.array([0.0, 40.0, 2.5]))
    marks.set_draft("distance", (start, end), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    marks.keep_draft()
    marks.select(None)
    shown = rgb(view.grab().toImage())
    marks.toggle_visible()
    changed = (shown != rgb(view.grab().toImage())).any(axis=-1) & is_color(
        shown, theme.IMAGE_MARK, 60
    )
    row = round(view.px_at(np.array(start)).y())
    first, length = max(
        (longest_run(each) for each in changed[row - 2 : row + 3]), key=lambda run: run[1]
    )
    assert length / view.camera.scale == pytest.approx(60.0, abs=4 / view.camera.scale)
    assert first == pytest.approx(view.px_at(np.array(start)).x(), abs=3)
    assert marks.measurement(marks.items[0])["length_mm"] == pytest.approx(60.0)


@pytest.mark.parametrize("threshold", [0.25, 0.6])
def test_the_colour_scale_on_the_image_is_painted_from_the_threshold_up_to_the_peak(
    opened, threshold
):
    view = opened.views.axial
    values = np.ones((2, 2, 2), np.float32)
    view.set_heatmap(Heatmap(values, np.diag([8.0, 8.0, 8.0, 1.0]), "gradcam", "x"))
    opened.session.display.overlay.set_color_map("Inferno")
    opened.session.display.overlay.set_threshold(threshold)
    view.pan(5000, 0)
    pixels = rgb(view.grab().toImage())
    column = pixels[:, 14]  # through the strip
    table = heatmap_colors("Inferno").astype(int)
    frame = is_color(pixels, theme.ON_IMAGE, 60)
    # The frame reaches from 0 to the peak; its left edge is a vertical line.
    edges = [longest_run(frame[:, x]) for x in range(6, 14)]
    top, height = max(edges, key=lambda run: run[1])
    assert height > 60
    inside = column[top + 2 : top + height - 2]
    share = 1 - (np.arange(len(inside)) + 1.5) / (height - 1)  # of the peak, of each row
    distance = np.abs(inside[:, None] - table[None]).sum(axis=-1)
    above, below = share > threshold + 0.02, share < threshold - 0.02
    assert (distance.min(axis=1)[above] <= 12).all()
    assert np.abs(distance.argmin(axis=1) / 255 - share)[above].max() < 0.03
    assert (inside[below].sum(axis=1) < 60).all()  # nothing but dark below the threshold


@pytest.mark.parametrize(("probability", "threshold"), [(0.3, 0.7), (0.85, 0.22), (0.6, 0.5)])
def test_the_gauge_is_filled_up_to_the_probability_and_ticked_at_the_threshold(
    qapp, qtbot, probability, threshold
):
    theme.apply_theme(qapp)
    gauge = Gauge()
    qtbot.addWidget(gauge)
    gauge.resize(QSize(401, 38))
    gauge.show_value(probability, threshold, live=True)
    pixels = rgb(gauge.grab().toImage())
    middle = pixels[10]
    filled = np.flatnonzero(is_color(middle[None], theme.ACCENT)[0])
    assert filled.max() / 401 == pytest.approx(probability, abs=0.02)
    ticked = np.flatnonzero(is_color(pixels[2][None], theme.TEXT, 60)[0])
    assert ticked.mean() / 401 == pytest.approx(threshold, abs=0.01)


def test_the_colour_bar_begins_at_the_threshold(qapp, qtbot):
    theme.apply_theme(qapp)
    bar = ColorBar()
    qtbot.addWidget(bar)
    bar.resize(QSize(300, bar.sizeHint().height()))
    colors = {}
    for threshold in (0.0, 0.5):
        bar.show_scale(threshold, "Inferno")
        colors[threshold] = rgb(bar.grab().toImage())
    different = (colors[0.0] != colors[0.5]).any(axis=-1)
    rows = np.flatnonzero(different.mean(axis=1) > 0.3)
    assert len(rows)
    columns = np.flatnonzero(different[rows].all(axis=0))
    # Below the threshold the bar is empty, above it is the same.
    assert columns.max() / 300 == pytest.approx(0.5, abs=0.03)
